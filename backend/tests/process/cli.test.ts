import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEnds } from '#backend/core/audit/ends'
import { type Database, openDatabase } from '#backend/database/db'
import { call, makeFolder, runCli, type SpawnedServer, signIn, startServer } from '#backend/tests/process/spawned'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

const TIMEOUT_MS = 90_000
const made = makeFolder()
afterAll(() => made.remove())

const oneLine = expect.stringMatching(/^error: [^\n]+\n$/)

describe('beside a server on the embedded PostgreSQL', () => {
  let server: SpawnedServer
  beforeAll(async () => {
    server = await startServer(made.path)
  }, TIMEOUT_MS)
  afterAll(async () => {
    await server.stop()
  }, TIMEOUT_MS)

  test(
    'user reset-password obeys the policy, and ends the sessions before it says so',
    async () => {
      const token = await signIn(server.url, 'test', '123456')
      const reset = (password: string) => runCli(['user', 'reset-password', 'test', '--password', password], made.path)
      expect(await reset('12345')).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
      expect(await reset('123456')).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
      expect((await call(server.url, '/api/v1/sys/users/me', token)).status).toBe(200)
      expect(await reset('another-one')).toMatchObject({ code: 0, stderr: '' })
      expect((await call(server.url, '/api/v1/sys/users/me', token)).status).toBe(401)
      expect(await signIn(server.url, 'test', 'another-one')).toMatch(/^ey/)
      await expect(signIn(server.url, 'test', '123456')).rejects.toThrow('cannot sign in')
    },
    TIMEOUT_MS,
  )

  test(
    'user create-admin makes a superuser who signs in, once',
    async () => {
      const create = () =>
        runCli(['user', 'create-admin', '--username', 'boss', '--password', 'made-by-cli'], made.path)
      expect(await create()).toMatchObject({ code: 0, stderr: '' })
      const token = await signIn(server.url, 'boss', 'made-by-cli')
      const { body } = await call(server.url, '/api/v1/sys/users/me', token)
      expect(body.data).toMatchObject({ username: 'boss', is_superuser: true, is_staff: true })
      expect(await create()).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
    },
    TIMEOUT_MS,
  )
})

describe('on a database', () => {
  let database: TestDatabase
  let reader: Database
  const run = (...args: string[]) => runCli(args, made.path, { DATABASE_URL: database.url })
  const names = async () =>
    (await reader.sql<{ name: string }[]>`select name from sys_dept order by id`).map((row) => row.name)

  beforeAll(async () => {
    database = await createTestDatabase()
    reader = openDatabase({ url: database.url, time_zone: 'UTC', pool_size: 1 })
  })
  afterAll(async () => {
    await reader.close()
    await database.drop()
  })

  test(
    'sql runs a file of many statements, and says how many rows each touched',
    async () => {
      const file = join(made.path, 'two.sql')
      const insert = (name: string) =>
        `insert into sys_dept (name, sort, status, del_flag, created_time) values ('${name}', 0, 1, false, now());`
      writeFileSync(
        file,
        `-- a comment; with a semicolon\n${insert('semi;colon')}\n\nupdate sys_dept set leader = 'x';\n`,
      )
      const { code, stdout, stderr } = await run('sql', file)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`${file}:2: INSERT, 1 row\n`)
      expect(stdout).toContain(`${file}:4: UPDATE, 2 rows\n`)
      expect(await names()).toContain('semi;colon')

      writeFileSync(file, `${insert('undone')}\nselect 1,\n  2 +\n  nothing;\n`)
      const failed = await run('sql', file)
      expect(failed).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
      expect(failed.stderr).toContain(`${file}:4: `)
      expect(await names()).not.toContain('undone')

      writeFileSync(file, `${insert('undone')}\n/* so that it stays */ COMMIT;\nselect nothing;`)
      expect(await run('sql', file)).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file}:2: `) })
      expect(await names()).not.toContain('undone')
    },
    TIMEOUT_MS,
  )

  test(
    'permissions list --check passes on the seeds, and names a permission that no menu gives any more',
    async () => {
      const { code, stdout, stderr } = await run('permissions', 'list', '--check')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^sys:dept:add\n {2}route {2}POST \/api\/v1\/sys\/depts\n {2}menu {3}.+$/m)
      await reader.sql`update sys_menu set perms = 'sys:dept:nobody' where perms = 'sys:dept:add'`
      const checked = await run('permissions', 'list', '--check')
      expect(checked.code).toBe(1)
      expect(checked.stderr).toContain('sys:dept:add: no menu')
      expect(checked.stderr).toContain('sys:dept:nobody: no route')
      await reader.sql`update sys_menu set perms = 'sys:dept:add' where perms = 'sys:dept:nobody'`
    },
    TIMEOUT_MS,
  )

  test(
    'permissions check passes on the seeds, and names each rule that can match nothing, with why',
    async () => {
      expect(await run('permissions', 'check')).toMatchObject({ code: 0, stderr: '' })
      const add = (name: string, fields: object) => {
        const row = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '1', ...fields }
        return reader.sql`insert into sys_data_rule ${reader.sql({ name, created_time: '2024-01-01', ...row })}`
      }
      await add('fits', {})
      await add('fits some models', { model: '__ALL__', column: 'status' })
      await add('no model', { model: 'Gone' })
      await add('no column', { column: 'password' })
      await add('no number', { value: 'one\n1' })
      await add('no variable', { model: '__ALL__', column: '__created_by__', value: '${nobody}' })
      await add('no day', { model: 'OperaLog', column: 'opera_time', value: '2024-02-30' })
      await add('in no model', { model: '__ALL__', column: 'nothing' })
      await add('no operator', { operator: 2 })
      await add('no expression', { expression: 8 })
      const { code, stdout, stderr } = await run('permissions', 'check')
      expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: 8 of 12 data rules match nothing\n' })
      expect(stdout.split('\n').map((line) => line.replace(/^\d+ {2}/, ''))).toEqual([
        '"no model"  model "Gone": No such data model',
        '"no column"  column "password": The model has no column password for rules',
        '"no number"  value "one\\n1": The value does not fit the column type int',
        '"no variable"  value "${nobody}": The value does not fit the column type int',
        '"no day"  value "2024-02-30": The value does not fit the column type time',
        '"in no model"  column "nothing": The model has no column nothing for rules',
        '"no operator"  operator 2: The operator is neither AND nor OR',
        '"no expression"  expression 8: No such expression',
        '',
      ])
    },
    TIMEOUT_MS,
  )

  test(
    'db reset asks, is refused in production, and leaves what a first start makes',
    async () => {
      await reader.sql`create table something_else (id int)`
      expect(await run('db', 'reset')).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
      const production = {
        DATABASE_URL: database.url,
        NODE_ENV: 'production',
        TOKEN_SECRET_KEY: 'b7f0c1d2e3a495867768594030201000',
        PASSWORD_HASH_COST: '10',
      }
      expect(await runCli(['db', 'reset', '--yes'], made.path, production)).toMatchObject({ code: 1, stderr: oneLine })
      expect(await names()).toContain('semi;colon')
      const ends = openEnds({ DATA_DIR: join(made.path, '.data'), DATABASE_URL: database.url })
      mkdirSync(join(made.path, '.data', 'audit'), { recursive: true })
      await ends.note({ stream: '0198a000-0000-7000-8000-000000000001', seq: 3, hash: 'a'.repeat(64) })
      expect(await run('audit', 'verify')).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('its position was removed'),
      })
      expect(await run('db', 'reset', '--yes')).toMatchObject({ code: 0, stderr: '' })
      expect(await run('audit', 'verify')).toMatchObject({ code: 0, stderr: '' })
      expect(await names()).toEqual(['总部'])
      expect(await reader.sql`select to_regclass('something_else') as left`).toEqual([{ left: null }])
      expect(await run('db', 'seed')).toMatchObject({ code: 0, stdout: '0 menus inserted\n' })
    },
    TIMEOUT_MS,
  )
})

test(
  'db status and db migrate tell what is pending, and what was applied',
  async () => {
    const database = await createEmptyDatabase()
    const run = (...args: string[]) => runCli(args, made.path, { DATABASE_URL: database.url })
    try {
      expect((await run('db', 'status')).stdout).toMatch(/^(pending {2}\d{4}_\w+\n)+$/)
      expect((await run('db', 'migrate')).stdout).toMatch(/^(applied (\w+\/)?\d{4}_\w+\n)+$/)
      expect((await run('db', 'status')).stdout).toMatch(/^(applied {2}(\w+\/)?\d{4}_\w+\n)+$/)
      expect((await run('db', 'migrate')).stdout).toBe('the database is current\n')
    } finally {
      await database.drop()
    }
  },
  TIMEOUT_MS,
)

test(
  'openapi write needs no database, and writes what the routes say',
  async () => {
    const file = join(made.path, 'openapi.json')
    expect(await runCli(['openapi', 'write', file], made.path)).toMatchObject({ code: 0, stderr: '' })
    const document = JSON.parse(readFileSync(file, 'utf8'))
    expect(document.openapi).toBe('3.1.0')
    expect(document.paths['/api/v1/sys/depts'].post['x-permission']).toEqual(['sys:dept:add'])
    expect(await runCli(['openapi', 'write', file, '--check'], made.path)).toMatchObject({ code: 0 })
    writeFileSync(file, '{}\n')
    expect(await runCli(['openapi', 'write', file, '--check'], made.path)).toMatchObject({ code: 1, stderr: oneLine })
  },
  TIMEOUT_MS,
)

test(
  'mistakes are one line and a code other than 0',
  async () => {
    for (const args of [['nonsense'], ['sql', 'missing.sql'], ['user', 'reset-password'], ['db', 'status', '--what']])
      expect(await runCli(args, made.path)).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
    const away = { DATABASE_URL: 'postgres://127.0.0.1:1/none' }
    expect(await runCli(['db', 'status'], made.path, away)).toMatchObject({ code: 1, stdout: '', stderr: oneLine })
  },
  TIMEOUT_MS,
)
