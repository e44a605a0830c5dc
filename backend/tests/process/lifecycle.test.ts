import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { openDatabase } from '#backend/database/db'
import { migrationStatus } from '#backend/database/migrate'
import {
  call,
  makeFolder,
  runCli,
  runServer,
  type SpawnedServer,
  signIn,
  startServer,
  until,
} from '#backend/tests/process/spawned'
import { createEmptyDatabase } from '#backend/tests/test-database'

const TIMEOUT_MS = 90_000
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

function folder(): string {
  const made = makeFolder()
  undo.push(made.remove)
  return made.path
}

async function start(path: string, env: Record<string, string> = {}): Promise<SpawnedServer> {
  const server = await startServer(path, env)
  // As a last resort too: a test that failed must leave no PostgreSQL behind.
  undo.push(async () => {
    if (server.process.exitCode === null && server.process.signalCode === null) await server.stop()
  })
  return server
}

const postmasterFile = (path: string) => join(path, '.data/postgres/postmaster.pid')
const postmaster = (path: string) => Number(readFileSync(postmasterFile(path), 'utf8').split('\n')[0])

describe('starting', () => {
  test(
    'two servers at once on one fresh database: each migration runs once, both answer',
    async () => {
      const database = await createEmptyDatabase()
      undo.push(() => database.drop())
      const env = { DATABASE_URL: database.url }
      const servers = await Promise.all([start(folder(), env), start(folder(), env)])
      for (const { url } of servers) expect((await call(url, '/readyz')).status).toBe(200)
      const reader = openDatabase({ url: database.url, time_zone: 'UTC', pool_size: 1 })
      undo.push(() => reader.close())
      const status = await migrationStatus(reader)
      const applied = servers.flatMap(({ stdout }) => stdout().match(/migration applied/g) ?? [])
      expect(applied).toHaveLength(status.length)
      expect(status.every((one) => one.applied)).toBe(true)
      const users = await reader.sql<{ username: string }[]>`select username from sys_user order by id`
      expect(users.map(({ username }) => username)).toEqual(['admin', 'test'])
    },
    TIMEOUT_MS,
  )

  test(
    'a port that is taken is told in one line, and no PostgreSQL is left running',
    async () => {
      const path = folder()
      const taken = createServer().listen(0, '127.0.0.1')
      undo.push(() => new Promise((resolve) => taken.close(resolve)))
      await until(async () => taken.listening)
      const { port } = taken.address() as { port: number }
      const { code, stderr } = await runServer(path, { PORT: String(port) })
      expect(code).toBe(1)
      expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(`127.0.0.1:${port}`)])
      expect(existsSync(join(path, '.data/postgres'))).toBe(true)
      expect(existsSync(postmasterFile(path))).toBe(false)
    },
    TIMEOUT_MS,
  )

  test(
    'a database that cannot be reached is told in one line, without its password',
    async () => {
      const { code, stderr } = await runServer(folder(), { DATABASE_URL: 'postgres://me:hidden@127.0.0.1:1/none' })
      expect(code).toBe(1)
      expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/database cannot be reached.*127\.0\.0\.1:1/)])
      expect(stderr).not.toContain('hidden')
    },
    TIMEOUT_MS,
  )
})

describe('stopping', () => {
  test(
    'SIGTERM: what is under way is answered, then the process ends with 0 and PostgreSQL with it',
    async () => {
      const path = folder()
      const server = await start(path)
      const text = JSON.stringify({ username: 'admin', password: '123456' })
      const slow = request(`${server.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': text.length },
      })
      const answered = new Promise<number | undefined>((resolve, reject) => {
        slow.on('response', (response) => resolve(response.resume().statusCode))
        slow.on('error', reject)
      })
      slow.write(text.slice(0, 10))
      await sleep(300)
      const asked_at = Date.now()
      const ended = server.stop()
      await until(async () => server.stdout().includes('stopping'))
      await expect(call(server.url, '/healthz')).rejects.toThrow('fetch failed')
      slow.end(text.slice(10))
      expect(await answered).toBe(200)
      expect(await ended).toMatchObject({ code: 0, signal: null })
      expect(Date.now() - asked_at).toBeLessThan(8_000)
      expect(existsSync(postmasterFile(path))).toBe(false)
    },
    TIMEOUT_MS,
  )

  test(
    'Ctrl-C reaches the process more than once and still ends it cleanly',
    async () => {
      const path = folder()
      const server = await start(path)
      server.process.kill('SIGINT')
      server.process.kill('SIGTERM')
      expect(await server.stop('SIGINT')).toMatchObject({ code: 0, signal: null })
      expect(existsSync(postmasterFile(path))).toBe(false)
    },
    TIMEOUT_MS,
  )

  test(
    'of two servers on one data folder the last one takes PostgreSQL with it',
    async () => {
      const path = folder()
      const [first, second] = await Promise.all([start(path), start(path)])
      await first.stop()
      expect((await call(second.url, '/readyz')).status).toBe(200)
      await second.stop()
      expect(existsSync(postmasterFile(path))).toBe(false)
    },
    TIMEOUT_MS,
  )
})

describe('accidents', () => {
  test(
    'kill -9: the next start finds every row that was acknowledged',
    async () => {
      const path = folder()
      const first = await start(path)
      const token = await signIn(first.url, 'admin', '123456')
      const made = await call(first.url, '/api/v1/sys/depts', token, { name: 'Acknowledged', status: 1 })
      expect(made.status).toBe(200)
      first.process.kill('SIGKILL')
      await first.ended
      const second = await start(path)
      // The session is a row too, and the key that signed its token is in the folder.
      const found = await call(second.url, '/api/v1/sys/depts?name=Acknowledged', token)
      expect(found.body.data).toMatchObject([{ name: 'Acknowledged' }])
    },
    TIMEOUT_MS,
  )

  test(
    'without PostgreSQL requests are answered 503; the process brings it back, and hears of changes again',
    async () => {
      const path = folder()
      const server = await start(path)
      const token = await signIn(server.url, 'admin', '123456')
      process.kill(postmaster(path), 'SIGINT')
      await until(async () => (await call(server.url, '/readyz')).status === 503)
      expect((await call(server.url, '/healthz')).status).toBe(200)
      await until(async () => (await call(server.url, '/api/v1/sys/users/me', token)).status === 200)
      expect((await call(server.url, '/readyz')).status).toBe(200)
      const { code } = await runCli(['user', 'reset-password', 'admin', '--password', 'afterwards'], path)
      expect(code).toBe(0)
      expect((await call(server.url, '/api/v1/sys/users/me', token)).status).toBe(401)
      expect(await server.stop()).toMatchObject({ code: 0 })
      expect(existsSync(postmasterFile(path))).toBe(false)
    },
    TIMEOUT_MS,
  )
})
