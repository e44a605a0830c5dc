import { eq, sql } from 'drizzle-orm'
import { pgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bigId, bytea, createdTime, id, instant, updatedTime, wireTime } from '#backend/database/columns'
import { type Database, openDatabase } from '#backend/database/db'
import { createEmptyDatabase, type TestDatabase } from '#backend/tests/test-database'

const sample = pgTable('sample', {
  id: id(),
  other_id: bigId('other_id'),
  local_time: wireTime('local_time'),
  moment: instant('moment'),
  bytes: bytea('bytes'),
  created_time: createdTime(),
  updated_time: updatedTime(),
})

let empty: TestDatabase
let database: Database

beforeAll(async () => {
  empty = await createEmptyDatabase()
  database = openDatabase({ url: empty.url, time_zone: 'Asia/Shanghai' })
  await database.sql`
    create table sample (id bigserial primary key, other_id bigint, local_time timestamptz, moment timestamptz, bytes bytea,
                         created_time timestamptz not null, updated_time timestamptz)`
})

afterAll(async () => {
  await database.close()
  await empty.drop()
})

async function insert(fields: Partial<typeof sample.$inferInsert>) {
  const [row] = await database.db.insert(sample).values(fields).returning()
  if (!row) throw new Error('nothing inserted')
  return row
}

test('an id comes from the sequence, and is a number like the references to it', async () => {
  const first = await insert({})
  const second = await insert({ other_id: first.id })
  expect(second).toMatchObject({ id: first.id + 1, other_id: first.id })
})

test('an integer that a number cannot hold is refused, never rounded, on the way out and on the way in', async () => {
  await database.sql`insert into sample (other_id, created_time) values (9007199254740993, now())`
  const tooLarge = database.db.select().from(sample).where(sql`other_id > 9007199254740991`)
  await expect(tooLarge).rejects.toThrow(RangeError)
  await database.sql`delete from sample where other_id > 9007199254740991`
  await expect(async () => insert({ other_id: 2 ** 53 })).rejects.toThrow(RangeError)
  expect(await insert({ other_id: Number.MAX_SAFE_INTEGER })).toMatchObject({ other_id: Number.MAX_SAFE_INTEGER })
})

test('a wire time is a local time of the connection, cut to seconds, whichever way it was written', async () => {
  const local = await insert({ local_time: '2024-05-01 12:30:00' })
  const iso = await insert({ local_time: '2024-05-01T04:30:00.987654Z' })
  expect([local.local_time, iso.local_time]).toEqual(['2024-05-01 12:30:00', '2024-05-01 12:30:00'])
  const abroad = openDatabase({ url: empty.url, time_zone: 'America/New_York' })
  try {
    const [row] = await abroad.db.select().from(sample).where(eq(sample.id, local.id))
    expect(row?.local_time).toBe('2024-05-01 00:30:00')
  } finally {
    await abroad.close()
  }
})

test('times are read the same where the database prints dates in another style', async () => {
  const { id: row_id } = await insert({ local_time: '2024-05-01 12:30:00' })
  const [name] = await database.sql<{ name: string }[]>`select current_database() as name`
  await database.sql.unsafe(`alter database "${name?.name}" set datestyle = 'SQL, DMY'`)
  const fresh = openDatabase({ url: empty.url, time_zone: 'Asia/Shanghai' })
  try {
    const [row] = await fresh.db.select().from(sample).where(eq(sample.id, row_id))
    expect(row?.local_time).toBe('2024-05-01 12:30:00')
  } finally {
    await fresh.close()
  }
})

test.each(['UTC', 'Asia/Shanghai', 'Asia/Kolkata', 'America/St_Johns'])(
  'an instant keeps its milliseconds in %s',
  async (time_zone) => {
    const zoned = openDatabase({ url: empty.url, time_zone })
    const moment = new Date('2024-05-01T12:30:00.987Z')
    try {
      const [row] = await zoned.db.insert(sample).values({ moment }).returning()
      expect(row?.moment).toEqual(moment)
    } finally {
      await zoned.close()
    }
  },
)

test('an instant beyond what a Date holds is refused', async () => {
  const { id: row_id } = await insert({})
  await database.sql`update sample set moment = 'infinity' where id = ${row_id}`
  await expect(database.db.select().from(sample).where(eq(sample.id, row_id))).rejects.toThrow(RangeError)
})

test('created_time is set at insert, updated_time by the first update and not before', async () => {
  const row = await insert({})
  expect(row.created_time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  expect(row.updated_time).toBeNull()
  const [updated] = await database.db.update(sample).set({ other_id: 7 }).where(eq(sample.id, row.id)).returning()
  expect(updated?.updated_time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  expect(updated?.created_time).toBe(row.created_time)
})

test('bytes come back as they were', async () => {
  const bytes = Buffer.from([0, 1, 0x5c, 0xff])
  expect((await insert({ bytes })).bytes).toEqual(bytes)
})
