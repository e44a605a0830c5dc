import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyMigrations, migratePlugin, parseMigrations, revertMigrations } from '#backend/core/plugin/migrations'
import { inTransaction } from '#backend/database/db'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const files = (entries: Record<string, string>) => new Map(Object.entries(entries))
const MIGRATIONS = parseMigrations(
  files({
    '0001_more.up.sql': 'alter table m_one add column more int; insert into m_one (id) values (1);',
    '0001_more.down.sql': 'alter table m_one drop column more;',
    '0000_first.up.sql': 'create table m_one (id int primary key);',
    '0000_first.down.sql': 'drop table m_one;',
  }),
)
const tableExists = async (name: string) => {
  const [row] = await t.host.database.sql<{ there: boolean }[]>`select to_regclass(${name}) is not null as there`
  return row?.there
}
const apply = (migrations = MIGRATIONS, plugin = 'one') =>
  inTransaction(t.db, (tx) => applyMigrations(tx, plugin, migrations))

describe('the files', () => {
  test('are taken in the order of their numbers, both directions of each', () => {
    expect(MIGRATIONS.map(({ name }) => name)).toEqual(['0000_first', '0001_more'])
  })

  test.each([
    ['a name that is none', { 'first.sql': '' }, /NNNN_name/],
    ['a missing direction', { '0000_a.up.sql': '' }, /lacks a direction/],
    ['a number that is there twice', { '0000_a.up.sql': '', '0000_b.up.sql': '' }, /same number/],
  ])('%s is refused', (_name, entries, reason) => {
    expect(() => parseMigrations(files(entries as Record<string, string>))).toThrow(reason)
  })
})

describe('applying', () => {
  test('applies what is missing, once, also when several do so at the same time; undoing takes everything back', async () => {
    const results = await Promise.all([apply(), apply(), apply()])
    expect(results.flat()).toEqual(['0000_first', '0001_more'])
    expect(await tableExists('m_one')).toBe(true)
    expect(await inTransaction(t.db, (tx) => revertMigrations(tx, 'one', MIGRATIONS))).toEqual([
      '0001_more',
      '0000_first',
    ])
    expect(await tableExists('m_one')).toBe(false)
    expect(await apply()).toHaveLength(2)
  })

  test('one that was changed afterwards, or cannot be undone any more, stops it', async () => {
    const changed = MIGRATIONS.map((one) => ({ ...one, hash: 'other' }))
    await expect(apply(changed)).rejects.toThrow(/0000_first was changed/)
    await expect(inTransaction(t.db, (tx) => revertMigrations(tx, 'one', MIGRATIONS.slice(0, 1)))).rejects.toThrow(
      /how to undo 0001_more/,
    )
    expect(await tableExists('m_one')).toBe(true)
  })

  const broken = parseMigrations(
    files({
      '0000_good.up.sql': 'create table m_two (id int);',
      '0000_good.down.sql': 'drop table m_two;',
      '0001_bad.up.sql': 'create table m_three (id int); select nonsense;',
      '0001_bad.down.sql': 'drop table m_three;',
    }),
  )

  test('a failure undoes the whole transaction, and names the migration without its text', async () => {
    const failure = await apply(broken, 'two').catch((error: Error) => error)
    expect(String(failure)).toMatch(/plugin two: migration 0001_bad failed: column "nonsense"/)
    expect(String(failure)).not.toContain('m_three')
    expect(await tableExists('m_two')).toBe(false)
  })

  test('each in a transaction of its own leaves those before the failure applied', async () => {
    await expect(migratePlugin(t.db, 'two', broken)).rejects.toThrow(/0001_bad/)
    expect(await tableExists('m_two')).toBe(true)
    expect(await tableExists('m_three')).toBe(false)
    expect(await migratePlugin(t.db, 'two', broken.slice(0, 1))).toEqual([])
  })

  test('one that commits by itself is found out', async () => {
    const sly = parseMigrations(files({ '0000_sly.up.sql': 'commit; begin;', '0000_sly.down.sql': '' }))
    await expect(apply(sly, 'three')).rejects.toThrow(/ends its transaction/)
  })
})
