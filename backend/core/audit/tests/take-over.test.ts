import { mkdirSync, readdirSync, renameSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuditOptions, createAudit } from '#backend/core/audit/audit'
import { openEnds } from '#backend/core/audit/ends'
import { openSpool } from '#backend/core/audit/spool'
import { listOrphans } from '#backend/core/audit/spool-files'
import { record, workplace } from '#backend/core/audit/tests/audit.fixture'
import { auditDatabase, sink } from '#backend/core/audit/tests/audit-database.fixture'

const tables = auditDatabase()
const { messages: stored } = tables
let place: ReturnType<typeof workplace>
let root: string
beforeEach(() => {
  place = workplace()
  root = join(place.root, 'audit')
})
afterEach(() => place.remove())

const audit = (options: Partial<AuditOptions> = {}) =>
  createAudit({
    config: { DATA_DIR: place.root, AUDIT_SPOOL_MAX_BYTES: 1_000_000 },
    key: '',
    ends: openEnds({ DATA_DIR: place.root, DATABASE_URL: undefined }),
    database: tables.get(),
    sink,
    log: place.log,
    ...options,
  })
const setOwner = (stream: string, host: string) =>
  writeFileSync(join(root, stream, 'owner.json'), JSON.stringify({ host, pid: 1, started: 'x' }))

/** As if nothing had been written to it for an hour. */
function silence(stream: string): void {
  const folder = join(root, stream)
  const long_ago = new Date(Date.now() - 3_600_000)
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), long_ago, long_ago)
  utimesSync(folder, long_ago, long_ago)
}

test('a process that has nothing to write is not taken for gone by other machines, also before it is started', async () => {
  const log = audit({ look_ms: 20 })
  setOwner(log.stream, 'elsewhere')
  silence(log.stream)
  expect(listOrphans(root)).toEqual([log.stream])
  await expect.poll(() => listOrphans(root), { interval: 5, timeout: 5_000 }).toEqual([])
  await log.close()
})

test('what could not be read of one that is gone is tried again', async () => {
  const left = openSpool({ root, key: '' })
  await left.append(record('left'))
  await left.close()
  setOwner(left.stream, hostname())
  const [file] = readdirSync(join(root, left.stream)).filter((name) => name.endsWith('.jsonl'))
  const path = join(root, left.stream, file ?? '')
  renameSync(path, join(place.root, 'aside'))
  mkdirSync(path)
  const log = audit({ look_ms: 50 })
  log.start()
  await expect.poll(() => place.lines[0], { timeout: 5_000 }).toMatchObject({ level: 50, stream: left.stream })
  rmdirSync(path)
  renameSync(join(place.root, 'aside'), path)
  await expect.poll(stored, { timeout: 5_000 }).toEqual(['left'])
  await log.close()
})

test('what cannot be read of one that is gone keeps neither the others nor the own records from being stored', async () => {
  const unreadable = '00000000-0000-7000-8000-000000000000'
  mkdirSync(join(root, unreadable, '000000000000001.jsonl'), { recursive: true })
  setOwner(unreadable, hostname())
  const left = openSpool({ root, key: '' })
  await left.append(record('left'))
  await left.close()
  setOwner(left.stream, hostname())
  writeFileSync(join(root, '00000000-0000-7000-8000-000000000001'), 'a file of this name')
  mkdirSync(join(root, '00000000-0000-7000-8000-000000000002'))
  writeFileSync(join(root, '00000000-0000-7000-8000-000000000002', 'owner.json'), 'null')
  const log = audit()
  log.start()
  await log.append(record('own'))
  await expect.poll(async () => (await stored()).sort(), { timeout: 5_000 }).toEqual(['left', 'own'])
  expect(place.lines).toMatchObject([{ level: 50, stream: unreadable }])
  await log.close()
})

test('what the database does not take of one that is gone keeps the others from nothing', async () => {
  const [refused, left] = [openSpool({ root, key: '' }), openSpool({ root, key: '' })]
  for (const spool of [refused, left]) {
    await spool.append(record(spool === left ? 'left' : 'refused'))
    await spool.close()
    setOwner(spool.stream, hostname())
  }
  // Its place in the stream is taken by a row that nobody has stored.
  await tables.get().sql`
    insert into sys_opera_log (stream, seq, trace_id, method, title, path, ip, status, code, msg, cost_time, opera_time, created_time)
    values (${refused.stream}, 1, 'x', 'GET', 'x', '/x', '::1', 1, '200', 'put here', 1, now(), now())`
  const log = audit()
  log.start()
  await expect.poll(async () => (await stored()).sort(), { timeout: 5_000 }).toEqual(['left', 'put here'])
  await log.close()
  expect(readdirSync(root)).toContain(refused.stream)
  expect(readdirSync(root)).not.toContain(left.stream)
})

test('nor does what it does not take of the own ones', async () => {
  const left = openSpool({ root, key: '' })
  await left.append(record('left'))
  await left.close()
  setOwner(left.stream, hostname())
  const log = audit()
  await log.append(record('own'))
  await tables.get().sql`
    insert into sys_opera_log (stream, seq, trace_id, method, title, path, ip, status, code, msg, cost_time, opera_time, created_time)
    values (${log.stream}, 1, 'x', 'GET', 'x', '/x', '::1', 1, '200', 'put here', 1, now(), now())`
  log.start()
  await expect.poll(async () => (await stored()).sort(), { timeout: 5_000 }).toEqual(['left', 'put here'])
  await log.close()
  expect(readdirSync(join(root, log.stream))).toContain('000000000000001.jsonl')
})

test('the files of one that is gone stay until all that is in them is stored, also where the log is closed meanwhile', async () => {
  const left = openSpool({ root, key: '' })
  const args = JSON.stringify({ text: 'x'.repeat(25_000) })
  for (let nr = 0; nr < 30; nr += 1) await left.append(record(String(nr), { args }))
  await left.close()
  setOwner(left.stream, hostname())
  const log = audit()
  log.start()
  await expect.poll(async () => (await stored()).length, { timeout: 5_000, interval: 1 }).toBeGreaterThan(0)
  await log.close()
  expect(await stored()).toEqual(Array.from({ length: 30 }, (_, nr) => String(nr)))
  expect(readdirSync(root)).not.toContain(left.stream)
})
