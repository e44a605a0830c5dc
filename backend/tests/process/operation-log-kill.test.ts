import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '#backend/database/db'
import { makeFolder, runCli, type SpawnedServer, signIn, startServer } from '#backend/tests/process/spawned'
import { createEmptyDatabase, type TestDatabase } from '#backend/tests/test-database'

/** Few times with all other tests, as often as is asked for alone. */
const ROUNDS = Number(process.env.FBA_KILL_ROUNDS ?? 3)
const REQUESTS = 1_000
const CONCURRENCY = 16

const made = makeFolder()
let database: TestDatabase
let reader: Database
beforeAll(async () => {
  database = await createEmptyDatabase()
  reader = openDatabase({ url: database.url, time_zone: 'UTC', pool_size: 1 })
})
afterAll(async () => {
  await reader.close()
  await database.drop()
  made.remove()
})

/** Sends requests until the server is gone; returns the ids of those changes and refusals that were answered. */
async function askUntilKilled({ url, process: server }: SpawnedServer, token: string): Promise<string[]> {
  const answered: string[] = []
  let sent = 0
  const killed_at = randomInt(REQUESTS / 10, REQUESTS)
  const ask = async () => {
    while (sent < REQUESTS && server.exitCode === null && server.signalCode === null) {
      sent += 1
      if (sent === killed_at) server.kill('SIGKILL')
      const id = randomBytes(16).toString('hex')
      const [path, init] = requestOf(id)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-request-id': id }
      const response = await fetch(`${url}/api/v1${path}`, { ...init, headers }).catch(() => undefined)
      const text = await response?.text().catch(() => undefined)
      if (text !== undefined && (init.method !== 'GET' || response?.status === 404)) answered.push(id)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, ask))
  server.kill('SIGKILL')
  return answered
}

function requestOf(id: string): [string, { method: string; body?: string }] {
  const kind = randomInt(4)
  if (kind === 0) return ['/no/such/path', { method: 'GET' }]
  if (kind === 1) return ['/sys/users/me', { method: 'GET' }]
  if (kind === 2) return ['/sys/depts', { method: 'POST', body: JSON.stringify({ name: id, status: 1 }) }]
  return ['/sys/users/me/nickname', { method: 'PUT', body: JSON.stringify({ nickname: id.slice(0, 20) }) }]
}

test(
  `${ROUNDS} times ${REQUESTS} requests, killed at a random moment: what was answered has exactly one record`,
  async () => {
    const answered: string[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const server = await startServer(made.path, { DATABASE_URL: database.url, LOG_LEVEL: 'warn' })
      const token = await signIn(server.url, 'admin', '123456')
      answered.push(...(await askUntilKilled(server, token)))
      expect((await server.ended).signal).toBe('SIGKILL')
    }
    const last = await startServer(made.path, { DATABASE_URL: database.url })
    // What the killed ones have left is taken up in the background.
    await sleep(1_000)
    expect((await last.stop()).code).toBe(0)

    const rows = await reader.sql<{ trace_id: string; records: number }[]>`
      select trace_id, count(*)::int as records from sys_opera_log group by trace_id`
    const records = new Map(rows.map((row) => [row.trace_id, row.records]))
    expect(answered.length).toBeGreaterThan(ROUNDS * 20)
    expect(answered.filter((id) => records.get(id) !== 1)).toEqual([])
    expect(rows.filter((row) => row.records > 1)).toEqual([])
    const verified = await runCli(['audit', 'verify'], made.path, { DATABASE_URL: database.url })
    expect(verified).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/records verified, 0 removed/),
    })
    await reader.sql`update sys_opera_log set msg = 'x' where id = (select max(id) from sys_opera_log)`
    const broken = await runCli(['audit', 'verify'], made.path, { DATABASE_URL: database.url })
    expect(broken).toMatchObject({ code: 1, stdout: expect.stringMatching(/record \d+ \(row \d+\) is altered/) })
  },
  60_000 + ROUNDS * 30_000,
)
