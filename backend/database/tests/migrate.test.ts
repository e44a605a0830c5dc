import { spawn } from 'node:child_process'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { type Database, openDatabase } from '#backend/database/db'
import { MIGRATION_LOCK_KEY, migrate, migrationStatus } from '#backend/database/migrate'
import { isConnectionError } from '#backend/database/pg-error'
import { contractDdl } from '#backend/tests/contract/database'
import { createEmptyDatabase, type TestDatabase } from '#backend/tests/test-database'

const HASH = '$2b$12$abcdefghijklmnopqrstuuJ5qfP1vE4Jz0x8v1bq3nq0mGv8nq7pS'
const TABLE_COUNT = 22

let empty: TestDatabase
let database: Database

beforeEach(async () => {
  empty = await createEmptyDatabase()
  database = open()
})

afterEach(async () => {
  await database.close()
  await empty.drop()
})

function open(): Database {
  return openDatabase({ url: empty.url, time_zone: 'Asia/Shanghai', pool_size: 2 })
}

async function tableCount(): Promise<number> {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int as count from information_schema.tables where table_schema = 'public'`
  return row?.count ?? 0
}

test('an empty database gets every migration, in order, and the second run finds nothing to do', async () => {
  expect((await migrationStatus(database)).every(({ applied }) => !applied)).toBe(true)
  const { applied, adopted } = await migrate(database)
  expect(adopted).toBe(false)
  expect(applied).toEqual((await migrationStatus(database)).map(({ name }) => name))
  expect(applied.length).toBeGreaterThan(1)
  expect((await migrationStatus(database)).every((migration) => migration.applied)).toBe(true)
  expect(await tableCount()).toBe(TABLE_COUNT)
  expect(await migrate(database)).toEqual({ applied: [], adopted: false })
})

test('a pool of one connection suffices', async () => {
  const small = openDatabase({ url: empty.url, time_zone: 'UTC', pool_size: 1 })
  try {
    expect((await migrate(small)).applied).not.toEqual([])
  } finally {
    await small.close()
  }
})

test('of two migrations at once on one database one does the work and the other waits for it', async () => {
  const other = open()
  try {
    const results = await Promise.all([migrate(database), migrate(other)])
    const lengths = results.map(({ applied }) => applied.length).sort((a, b) => a - b)
    expect(lengths[0]).toBe(0)
    expect(lengths[1]).toBeGreaterThan(1)
    expect(await tableCount()).toBe(TABLE_COUNT)
  } finally {
    await other.close()
  }
})

test('of two processes that start at once one migrates and the other waits', async () => {
  const key = String(MIGRATION_LOCK_KEY)
  const holder = await database.sql.reserve()
  await holder`select pg_advisory_lock(${key}::bigint)`
  const processes = [migrateInProcess(empty.url), migrateInProcess(empty.url)]
  // Only when both stand at the lock does its release show that it decides.
  await expect
    .poll(
      async () =>
        (
          await holder`select 1 from pg_locks where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database())`
        ).length,
      { timeout: 20_000 },
    )
    .toBe(2)
  await holder`select pg_advisory_unlock(${key}::bigint)`
  holder.release()
  const results = await Promise.all(processes)
  const lengths = results.map(({ applied }) => applied.length).sort((a, b) => a - b)
  expect(lengths[0]).toBe(0)
  expect(lengths[1]).toBeGreaterThan(1)
  expect(await tableCount()).toBe(TABLE_COUNT)
})

test('a migration that fails names itself, leaves nothing behind, and gives the lock back', async () => {
  await database.sql`create table sys_session (id int)`
  await expect(migrate(database)).rejects.toThrow(/migration 0001_\w+ failed: .*sys_session/)
  const [first, ...others] = await migrationStatus(database)
  expect(first?.applied).toBe(true)
  expect(others.filter(({ applied }) => applied)).toEqual([])
  await database.sql`drop table sys_session`
  const other = open()
  try {
    expect((await migrate(other)).applied).toEqual(others.map(({ name }) => name))
  } finally {
    await other.close()
  }
})

test('without a server the refusal does not wait for one, nor does the end of the pool', async () => {
  const nobody = openDatabase({ url: 'postgres://postgres@127.0.0.1:1/postgres', time_zone: 'UTC' })
  expect(isConnectionError(await migrate(nobody).catch((error: unknown) => error))).toBe(true)
  await nobody.close()
}, 15_000)

describe('a database that fastapi_best_architecture made', () => {
  beforeEach(async () => {
    for (const statement of contractDdl()) await database.sql.unsafe(statement)
    await database.sql`
      insert into sys_user (uuid, username, nickname, password, salt, status, is_superuser, is_staff, is_multi_login, join_time, created_time)
      values ('u-1', 'owner', 'Owner', ${HASH}, '\\x24326224'::bytea, 1, true, true, false,
              '2024-05-01 12:30:00.987654+08', '2024-05-01 12:30:00+08')`
  })

  test('is taken over in place: its users are read through the models and the additions exist', async () => {
    const { applied, adopted } = await migrate(database)
    expect(adopted).toBe(true)
    expect(applied).toEqual((await migrationStatus(database)).slice(1).map(({ name }) => name))
    const [row] = await database.db.select().from(user).where(eq(user.username, 'owner'))
    expect(row).toMatchObject({
      id: 1,
      password: HASH,
      salt: Buffer.from('$2b$'),
      join_time: '2024-05-01 12:30:00',
      updated_time: null,
    })
    expect(await database.db.select().from(session)).toEqual([])
    expect(await migrate(database)).toEqual({ applied: [], adopted: false })
  })

  test('gets the read codes of its pages, except where an administrator has set one', async () => {
    const page = { title: 'page', type: 1, status: 1, display: 1, cache: 1, sort: 0 }
    await database.db.insert(menu).values([
      { ...page, name: 'SysUser' },
      { ...page, name: 'SysRole', perms: '' },
      { ...page, name: 'SysMenu', perms: 'own:code' },
      { ...page, name: 'SomebodysPage' },
    ])
    await migrate(database)
    const rows = await database.db.select({ name: menu.name, perms: menu.perms }).from(menu).orderBy(menu.id)
    expect(rows).toEqual([
      { name: 'SysUser', perms: 'sys:user:get' },
      { name: 'SysRole', perms: 'sys:role:get' },
      { name: 'SysMenu', perms: 'own:code' },
      { name: 'SomebodysPage', perms: null },
    ])
  })

  test('is refused, and not changed, when tables or columns are missing, and the refusal names them', async () => {
    await database.sql`drop table sys_menu`
    await database.sql`alter table sys_user drop column last_password_changed_time`
    await expect(migrate(database)).rejects.toThrow(/lacks sys_menu, sys_user\.last_password_changed_time$/)
    expect(await tableCount()).toBe(16)
    expect((await migrationStatus(database)).some(({ applied }) => applied)).toBe(false)
  })
})

interface Outcome {
  applied: string[]
}

function migrateInProcess(url: string): Promise<Outcome> {
  const program = `
    import { openDatabase } from '#backend/database/db'
    import { migrate } from '#backend/database/migrate'
    const database = openDatabase({ url: process.argv[1], time_zone: 'UTC' })
    const result = await migrate(database)
    await database.close()
    process.stdout.write(JSON.stringify(result))`
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', '--input-type=module', '--eval', program, url],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout) as Outcome)
      else reject(new Error(`migrating process ended with ${code}: ${stderr}`))
    })
  })
}
