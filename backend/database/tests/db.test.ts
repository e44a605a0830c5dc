import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { role } from '#backend/app/admin/model/role.model'
import { type Database, type Db, inTransaction, openDatabase } from '#backend/database/db'
import { lockXact } from '#backend/database/locks'
import { isConnectionError, isUniqueViolation, pgError } from '#backend/database/pg-error'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

let clone: TestDatabase
let database: Database

beforeAll(async () => {
  clone = await createTestDatabase()
  database = openDatabase({ url: clone.url, time_zone: 'Asia/Shanghai', pool_size: 4 })
})

afterAll(async () => {
  await database.close()
  await clone.drop()
})

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('this should have failed')
    },
    (error: unknown) => error,
  )
}

function signal(): { given: Promise<void>; give: () => void } {
  let give = (): void => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}

const exists = async (db: Db, name: string) => (await db.select().from(role).where(eq(role.name, name))).length === 1

describe('inTransaction', () => {
  test('keeps everything when its work resolves, and returns what it returned', async () => {
    expect(
      await inTransaction(database.db, async (tx) => {
        await tx.insert(role).values({ name: 'kept' })
        return 'done'
      }),
    ).toBe('done')
    expect(await exists(database.db, 'kept')).toBe(true)
  })

  test('undoes everything when its work throws, and passes the error on', async () => {
    const error = new Error('changed my mind')
    const work = inTransaction(database.db, async (tx) => {
      await tx.insert(role).values({ name: 'undone' })
      throw error
    })
    expect(await failure(work)).toBe(error)
    expect(await exists(database.db, 'undone')).toBe(false)
  })

  test('inside another undoes only its own part', async () => {
    await inTransaction(database.db, async (tx) => {
      await tx.insert(role).values({ name: 'outer' })
      await failure(
        inTransaction(tx, async (inner) => {
          await inner.insert(role).values({ name: 'inner' })
          await inner.insert(role).values({ name: 'outer' })
        }),
      )
    })
    expect(await exists(database.db, 'outer')).toBe(true)
    expect(await exists(database.db, 'inner')).toBe(false)
  })
})

test('lockXact lets one transaction through at a time, and only under the same name', async () => {
  const order: string[] = []
  const waiting = () => database.sql`
    select 1 from pg_locks where locktype = 'advisory' and not granted
       and database = (select oid from pg_database where datname = current_database())`
  const entered = signal()
  const leave = signal()
  const first = inTransaction(database.db, async (tx) => {
    await lockXact(tx, 'one')
    entered.give()
    await leave.given
    order.push('first')
  })
  await entered.given
  const second = inTransaction(database.db, async (tx) => {
    await lockXact(tx, 'one')
    order.push('second')
  })
  await expect.poll(waiting).toHaveLength(1)
  await inTransaction(database.db, async (tx) => {
    await lockXact(tx, 'two')
    order.push('other name')
  })
  leave.give()
  await Promise.all([first, second])
  expect(order).toEqual(['other name', 'first', 'second'])
})

describe('errors of the database', () => {
  test('a duplicate key is told with its constraint, through what Drizzle wraps around it', async () => {
    await database.db.insert(role).values({ name: 'twice' })
    const error = await failure(database.db.insert(role).values({ name: 'twice' }))
    expect(pgError(error)).toMatchObject({
      code: '23505',
      constraint_name: 'sys_role_name_key',
      table_name: 'sys_role',
    })
    expect(isUniqueViolation(error)).toBe(true)
    expect(isUniqueViolation(error, 'sys_role_name_key')).toBe(true)
    expect(isUniqueViolation(error, 'ix_sys_role_id')).toBe(false)
    expect(isConnectionError(error)).toBe(false)
  })

  test('another refusal is told with its column and is no duplicate key', async () => {
    const error = await failure(database.sql`insert into sys_role (name) values ('incomplete')`)
    expect(pgError(error)).toMatchObject({ code: '23502', column_name: 'status', table_name: 'sys_role' })
    expect(isUniqueViolation(error)).toBe(false)
  })

  test('what the database did not say is no database error', () => {
    const circle = new Error('circle')
    circle.cause = circle
    for (const value of [new Error('bug'), circle, undefined, 'text', { code: '23505' }]) {
      expect(pgError(value)).toBeUndefined()
      expect(isConnectionError(value)).toBe(false)
    }
    expect(isConnectionError(Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' }))).toBe(false)
  })

  test('a server that is not there is a connection error', async () => {
    const nobody = openDatabase({ url: 'postgres://postgres@127.0.0.1:1/postgres', time_zone: 'UTC' })
    expect(isConnectionError(await failure(nobody.db.select().from(role)))).toBe(true)
    await nobody.close()
  })

  test('a connection that breaks is a connection error, and later queries get another', async () => {
    const own = openDatabase({ url: clone.url, time_zone: 'UTC', pool_size: 1 })
    try {
      const [row] = await own.sql<{ pid: number }[]>`select pg_backend_pid() as pid`
      const sleeping = failure(own.sql`select pg_sleep(20)`)
      await expect
        .poll(
          async () => database.sql`select 1 from pg_stat_activity where pid = ${row?.pid ?? 0} and state = 'active'`,
        )
        .toHaveLength(1)
      await database.sql`select pg_terminate_backend(${row?.pid ?? 0})`
      expect(isConnectionError(await sleeping)).toBe(true)
      // The very next query may still meet the dying connection.
      await expect.poll(() => own.db.select().from(role).where(eq(role.name, 'nobody'))).toEqual([])
    } finally {
      await own.close()
    }
  })

  test('a closed pool is a connection error', async () => {
    const closed = openDatabase({ url: clone.url, time_zone: 'UTC' })
    await closed.close()
    expect(isConnectionError(await failure(closed.db.select().from(role)))).toBe(true)
  })
})

describe('queries with parameters', () => {
  /** How many prepared statements read roles, on the one connection of a pool, after three runs of one query. */
  async function preparedAfter(prepare: boolean, run: (db: Db) => Promise<unknown>): Promise<number> {
    const own = openDatabase({ url: clone.url, time_zone: 'UTC', pool_size: 1, prepare })
    try {
      for (let times = 0; times < 3; times += 1) await run(own.db)
      const rows =
        await own.sql`select 1 from pg_prepared_statements where statement like 'select "id"%from "sys_role"%'`
      return rows.length
    } finally {
      await own.close()
    }
  }
  const byName = (db: Db) => db.select().from(role).where(eq(role.name, 'nobody'))

  test('are prepared once per connection, on the pool and in a transaction', async () => {
    expect(await preparedAfter(true, byName)).toBe(1)
    expect(await preparedAfter(true, (db) => inTransaction(db, byName))).toBe(1)
  })

  test('are not prepared where a pooler cannot carry it', async () => {
    expect(await preparedAfter(false, byName)).toBe(0)
  })
})
