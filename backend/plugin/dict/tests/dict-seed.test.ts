import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemCtx } from '#backend/core/host'
import { applyMigrations, revertMigrations } from '#backend/core/plugin/migrations'
import { pluginMigration } from '#backend/core/plugin/model/plugin-migration.model'
import { inTransaction } from '#backend/database/db'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { seed } from '#backend/plugin/dict/seed/seed'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

/** What pages of the front end ask for, and the values that they compare with. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  sys_status: ['0', '1'],
  sys_choose: ['false', 'true'],
  sys_menu_type: ['0', '1', '2', '3', '4'],
  sys_login_status: ['0', '1'],
  sys_data_rule_operator: ['0', '1'],
  sys_data_rule_expression: ['0', '1', '2', '3', '4', '5', '6', '7'],
  sys_plugin_type: ['0', '1'],
  sys_frontend_config: ['0', '1'],
  task_strategy_type: ['0', '1'],
  task_period_type: ['days', 'hours', 'minutes', 'seconds', 'microseconds'],
  user_online_status: ['0', '1'],
  notice: ['0', '1'],
}

const allTypes = () => t.db.select().from(dictType).orderBy(dictType.id)
const allValues = () => t.db.select().from(dictData).orderBy(dictData.id)

test('a fresh database has the dictionaries of every page, in their order', async () => {
  const person = await t.signIn()
  for (const [code, values] of Object.entries(NEEDED)) {
    const { data } = (await person.get(`/sys/dict-datas/type-codes/${code}`)).body
    expect(
      data.map(({ value }: { value: string }) => value),
      code,
    ).toEqual(values)
    for (const row of data) expect(row).toMatchObject({ type_code: code, status: 1, label: expect.stringMatching(/./) })
  }
  expect(await allTypes()).toHaveLength(Object.keys(NEEDED).length)
})

test('seeding again changes nothing that an administrator did, and brings back only types that are gone', async () => {
  const ctx = systemCtx(t.host)
  await t.db.update(dictType).set({ name: 'Mine' }).where(eq(dictType.code, 'sys_status'))
  await t.db.update(dictData).set({ label: 'My label' }).where(eq(dictData.type_code, 'sys_choose'))
  await t.db.delete(dictData).where(eq(dictData.type_code, 'sys_menu_type'))
  await t.db.delete(dictData).where(eq(dictData.type_code, 'notice'))
  await t.db.delete(dictType).where(eq(dictType.code, 'notice'))
  const [types, values] = [await allTypes(), await allValues()]
  await seed(ctx)
  const [typesAfter, valuesAfter] = [await allTypes(), await allValues()]
  expect(typesAfter.slice(0, -1)).toEqual(types)
  expect(typesAfter.at(-1)).toMatchObject({ code: 'notice' })
  expect(valuesAfter.slice(0, values.length)).toEqual(values)
  expect(valuesAfter.slice(values.length)).toMatchObject([{ type_code: 'notice' }, { type_code: 'notice' }])
  await seed(ctx)
  expect(await allValues()).toEqual(valuesAfter)
})

test('tables that the Python original made are taken over with their rows, and codes that had drifted apart meet', async () => {
  const plugin = t.host.built_ins.find(({ manifest }) => manifest.name === 'dict')
  const migrations = plugin?.migrations ?? []
  const [types, values] = [await allTypes(), await allValues()]
  await t.db
    .update(dictData)
    .set({ type_code: 'former', updated_time: dictData.updated_time })
    .where(eq(dictData.type_code, 'sys_status'))
  await t.db.delete(pluginMigration).where(eq(pluginMigration.plugin, 'dict'))
  await inTransaction(t.db, (tx) => applyMigrations(tx, 'dict', migrations))
  expect([await allTypes(), await allValues()]).toEqual([types, values])
  await inTransaction(t.db, (tx) => revertMigrations(tx, 'dict', migrations))
  await expect(allTypes()).rejects.toThrow()
  await inTransaction(t.db, (tx) => applyMigrations(tx, 'dict', migrations))
  expect(await allTypes()).toEqual([])
})
