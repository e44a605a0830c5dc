import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DUMP_MANIFEST, dumpTables } from '#backend/core/plugin/install/dump'
import { type Database, inTransaction, openDatabase } from '#backend/database/db'
import { createEmptyDatabase, type TestDatabase } from '#backend/tests/test-database'

const root = mkdtempSync(join(tmpdir(), 'fba-dump-'))
let made: TestDatabase
let database: Database

beforeAll(async () => {
  made = await createEmptyDatabase()
  database = openDatabase({ url: made.url, time_zone: 'Asia/Shanghai', pool_size: 2 })
  await database.sql.unsafe(`
    create table "odd ""name" (id bigint primary key, text text, amount numeric, at timestamptz, bytes bytea, list int[], json jsonb);
    create table empty_one (id int);
    insert into "odd ""name"
    select n, 'line' || chr(10) || n, n / 3.0, '2024-01-01 00:00:00.123456+00'::timestamptz + n * interval '1 hour',
      decode(md5(n::text), 'hex'), array[n, null]::int[], jsonb_build_object('n', n, 'text', '"')
    from generate_series(1, 1700) as n;
    insert into "odd ""name" (id) values (9223372036854775807)`)
})
afterAll(async () => {
  await database.close()
  await made.drop()
  rmSync(root, { recursive: true, force: true })
})

const ODD = 'odd "name'
const dump = (tables: string[], folder: string) =>
  inTransaction(database.db, (tx) => dumpTables(tx, tables, join(root, folder)))

test('rows that are dumped can be put back, every value as it was', async () => {
  const dumped = await dump([ODD, 'empty_one'], 'all')
  expect(dumped.map(({ table, rows }) => [table, rows])).toEqual([
    [ODD, 1701],
    ['empty_one', 0],
  ])
  const written = JSON.parse(readFileSync(join(root, 'all', DUMP_MANIFEST), 'utf8'))
  expect(written.tables).toEqual(dumped)
  const [first] = dumped
  const text = gunzipSync(readFileSync(join(root, 'all', first?.file ?? '')))
  expect(createHash('sha256').update(text).digest('hex')).toBe(first?.sha256)
  const lines = text.toString().trimEnd().split('\n')
  await inTransaction(database.db, async (tx) => {
    await tx.execute(sql`create table restored (like ${sql.identifier(ODD)})`)
    for (const line of lines)
      await tx.execute(sql`insert into restored select * from json_populate_record(null::restored, ${line}::json)`)
  })
  const differing = await database.sql`
    (table restored except table ${database.sql(ODD)}) union all (table ${database.sql(ODD)} except table restored)`
  expect([...differing]).toEqual([])
  expect(lines).toHaveLength(1701)
})

test('only the owner reads a dump', () => {
  expect(statSync(join(root, 'all')).mode & 0o077).toBe(0)
  for (const name of readdirSync(join(root, 'all'))) expect(statSync(join(root, 'all', name)).mode & 0o077).toBe(0)
})

test('a dump that fails leaves nothing, and one that is there stays', async () => {
  await expect(dump([ODD, 'nowhere'], 'failing')).rejects.toThrow()
  expect(existsSync(join(root, 'failing'))).toBe(false)
  await expect(dump([ODD], 'all')).rejects.toThrow(/EEXIST/)
  expect(existsSync(join(root, 'all', DUMP_MANIFEST))).toBe(true)
})

test('nobody writes between the dump and the end of its transaction', async () => {
  let other: Promise<unknown> | undefined
  let finished = false
  await inTransaction(database.db, async (tx) => {
    await dumpTables(tx, ['empty_one'], join(root, 'locking'))
    other = database.sql`insert into empty_one values (1)`.then(() => {
      finished = true
    })
    await new Promise((resolve) => {
      setTimeout(resolve, 200)
    })
    expect(finished).toBe(false)
  })
  await other
  expect(finished).toBe(true)
})
