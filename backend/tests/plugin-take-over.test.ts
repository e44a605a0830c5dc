import { asc, eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import { installBuiltIns } from '#backend/core/plugin/built-in-install'
import { openProcess, type Process } from '#backend/core/tests/process.fixture'
import { config } from '#backend/plugin/config/model/config.model'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { notice } from '#backend/plugin/notice/model/notice.model'
import { migrateAll } from '#backend/scripts/migrate-database'
import { contractDdl } from '#backend/tests/contract/database'
import { createEmptyDatabase, type TestDatabase } from '#backend/tests/test-database'

/** A database that fastapi_best_architecture made, with its plugins, and in it rows of an administrator. */
let made: TestDatabase
let taken: Process

beforeAll(async () => {
  made = await createEmptyDatabase()
  taken = await openProcess({ database_url: made.url, role: 'cli', hears: false })
  const { sql, db } = taken.host.database
  for (const statement of contractDdl()) await sql.unsafe(statement)
  const shown = { title: 'x', type: 1, status: 1, display: 1, cache: 1, sort: 0 }
  const [system] = await db
    .insert(menu)
    .values({ ...shown, name: 'System', type: 0 })
    .returning()
  await db.insert(menu).values([
    { ...shown, name: 'PluginDict', parent_id: system?.id },
    { ...shown, name: 'PluginConfig', parent_id: system?.id, perms: '', sort: 3 },
    { ...shown, name: 'PluginNotice', parent_id: system?.id, perms: 'own:code' },
  ])
  const [type] = await db.insert(dictType).values({ code: 'sys_status', name: 'Mine' }).returning()
  const value = { type_id: type?.id ?? 0, type_code: 'former_code', label: 'Mine', value: '1', sort: 1, status: 1 }
  await db.insert(dictData).values(value)
  await db.insert(config).values([
    { name: 'x', type: 'USER_SECURITY', key: 'USER_SECURITY_CONFIG_STATUS', value: '1', is_frontend: false },
    { name: 'x', type: 'USER_SECURITY', key: 'USER_LOCK_THRESHOLD', value: '3', is_frontend: false },
  ])
  await db.insert(notice).values({ title: 'Mine', type: 0, status: 1, content: 'x' })
  await migrateAll(taken.host)
  await installBuiltIns(taken.host)
})
afterAll(async () => {
  await taken.close()
  await made.drop()
})

test('rows of its plugins stay, and what is missing beside them is there', async () => {
  const { db } = taken.host.database
  expect(await db.select().from(notice)).toMatchObject([{ title: 'Mine' }])
  expect(await db.select().from(dictType).where(eq(dictType.code, 'sys_status'))).toMatchObject([{ name: 'Mine' }])
  const values = await db.select().from(dictData).where(eq(dictData.type_code, 'sys_status'))
  expect(values).toMatchObject([{ label: 'Mine', updated_time: null }])
  expect(await db.select().from(dictType)).toHaveLength(12)
  const keys = ['USER_SECURITY_CONFIG_STATUS', 'USER_LOCK_THRESHOLD', 'LOGIN_CONFIG_STATUS']
  const settings = await db.select().from(config).where(inArray(config.key, keys)).orderBy(asc(config.id))
  expect(settings.map(({ value }) => value)).toEqual(['1', '3', '0'])
})

test('its pages get the codes that reading them takes, except where an administrator has set one', async () => {
  const names = ['PluginDict', 'PluginConfig', 'PluginNotice']
  const rows = await taken.host.database.db.select().from(menu).where(inArray(menu.name, names)).orderBy(asc(menu.id))
  expect(rows.map(({ name, perms, sort }) => ({ name, perms, sort }))).toEqual([
    { name: 'PluginDict', perms: 'dict:type:get,dict:data:get', sort: 0 },
    { name: 'PluginConfig', perms: 'sys:config:get', sort: 3 },
    { name: 'PluginNotice', perms: 'own:code', sort: 0 },
  ])
})

test('a second start finds nothing to do', async () => {
  expect(await migrateAll(taken.host)).toEqual({ applied: [], adopted: false })
  expect(await installBuiltIns(taken.host)).toEqual([])
})
