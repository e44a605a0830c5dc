import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAudit } from '#backend/core/audit/audit'
import { openEnds } from '#backend/core/audit/ends'
import { openSpool } from '#backend/core/audit/spool'
import { record, workplace } from '#backend/core/audit/tests/audit.fixture'
import { auditDatabase, sink } from '#backend/core/audit/tests/audit-database.fixture'
import { type Database, openDatabase } from '#backend/database/db'

const tables = auditDatabase()
const { messages: stored } = tables
let place: ReturnType<typeof workplace>
beforeEach(() => {
  place = workplace()
})
afterEach(() => place.remove())

const streamsLeft = () => readdirSync(join(place.root, 'audit')).filter((name) => name !== 'ends.jsonl')
const audit = (max_bytes = 1_000_000, on: Database = tables.get()) =>
  createAudit({
    config: { DATA_DIR: place.root, AUDIT_SPOOL_MAX_BYTES: max_bytes },
    key: '',
    ends: openEnds({ DATA_DIR: place.root, DATABASE_URL: undefined }),
    database: on,
    sink,
    log: place.log,
  })

const waitingForLocks = async () => {
  const [row] = await tables.get().sql<{ count: number }[]>`
    select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return row?.count
}

describe('the operation log', () => {
  test('stores what a process that is gone has left', async () => {
    const spool = openSpool({ root: join(place.root, 'audit'), key: '' })
    for (let nr = 0; nr < 3; nr += 1) await spool.append(record(String(nr)))
    const { writeFileSync } = await import('node:fs')
    writeFileSync(
      join(spool.folder, 'owner.json'),
      JSON.stringify({ host: (await import('node:os')).hostname(), pid: 1, started: 'x' }),
    )
    const log = audit()
    log.start()
    await expect.poll(stored, { timeout: 5_000 }).toEqual(['0', '1', '2'])
    await log.close()
    expect(streamsLeft()).toEqual([])
    await spool.close().catch(() => undefined)
  })

  test('keeps everything while the database is away, refuses changes when there is no room, and says what it misses', async () => {
    const away = openDatabase({ url: 'postgres://postgres@127.0.0.1:1/none', time_zone: 'UTC', pool_size: 1 })
    const log = audit(70_000, away)
    let kept = 0
    while (log.hasRoom()) {
      await log.append(record(String(kept)))
      kept += 1
    }
    expect(kept).toBeGreaterThan(50)
    // There is still room for what is under way, until there is none.
    let full = 0
    for (; ; full += 1) {
      const failure = await log.append(record('late')).then(
        () => undefined,
        (error: Error) => error,
      )
      if (failure !== undefined) break
      kept += 1
    }
    expect(full).toBeGreaterThan(0)
    log.note(record('a read'))
    await log.close()
    await away.close()

    const next = audit()
    const { writeFileSync } = await import('node:fs')
    for (const stream of streamsLeft())
      if (stream !== next.stream)
        writeFileSync(
          join(place.root, 'audit', stream, 'owner.json'),
          JSON.stringify({ host: (await import('node:os')).hostname(), pid: 1, started: 'x' }),
        )
    next.start()
    // One more says what is missing: the one that had no room, and the read.
    await expect.poll(async () => (await stored()).length, { timeout: 5_000 }).toBe(kept + 1)
    expect((await stored()).at(-1)).toMatch(/^2 between/)
    await next.close()
  })

  test('counts the requests for which there was no room, in a record of its own', async () => {
    const log = audit(3_000)
    log.start()
    while (log.hasRoom()) await log.append(record('kept'))
    while (
      await log.append(record('kept')).then(
        () => true,
        () => false,
      )
    );
    log.note(record('read'))
    await log.ship()
    await log.append(record('after'))
    await log.ship()
    const [gap] = await tables.get().sql`select msg, args from sys_opera_log where method = 'GAP'`
    expect(gap).toMatchObject({ args: { count: 2 } })
    expect((await stored()).slice(-2)).toEqual([expect.stringMatching(/^2 between/), 'after'])
    await log.close()
  })

  test('what is not stored when it closes is there for the next process', async () => {
    const log = audit()
    await log.append(record('change'))
    log.note(record('read'))
    await log.close()
    expect(await stored()).toEqual([])
    expect(streamsLeft()).toEqual([log.stream])
  })

  test('a graceful end stores all of it', async () => {
    const log = audit()
    log.start()
    for (let nr = 0; nr < 50; nr += 1) log.note(record(String(nr)))
    await log.close()
    expect(await stored()).toHaveLength(50)
    expect(streamsLeft()).toEqual([])
    const [head] = await tables.get().sql`select stored_hash from sys_audit_stream where stream = ${log.stream}`
    expect(await openEnds({ DATA_DIR: place.root, DATABASE_URL: undefined }).read()).toEqual([
      { stream: log.stream, seq: 50, hash: head?.stored_hash },
    ])
    const [row] = await tables.get().db.execute<{ total: string }>(sql`select count(*) as total from sys_audit_stream`)
    expect(Number(row?.total)).toBe(1)
  })

  test('ends in time although the database holds up the batch under way, and takes no more then', async () => {
    const log = audit()
    log.start()
    await log.append(record('held up'))
    await tables.get().sql.begin(async (blocker) => {
      await blocker`lock table sys_opera_log in access exclusive mode`
      await expect.poll(waitingForLocks, { timeout: 5_000 }).toBe(1)
      await log.close()
      await expect(log.append(record('late'))).rejects.toThrow('closed')
    })
    expect(streamsLeft()).toEqual([log.stream])
    expect(place.lines.map(({ msg }) => msg)).toContain('operation log: not all of it is stored')
  })

  test('says once why the database does not take a stream, and again where the reason is another', async () => {
    const log = audit()
    await log.append(record('own'))
    await tables.get().sql`alter table sys_audit_stream rename to away`
    for (let nr = 0; nr < 3; nr += 1) await expect(log.ship()).rejects.toThrow()
    await tables.get().sql`alter table away rename to sys_audit_stream`
    expect(place.lines).toMatchObject([{ level: 50, stream: log.stream }])
    await log.ship()
    await tables.get().sql`update sys_audit_stream set mac = ''`
    await log.append(record('own'))
    await tables.get().sql`update sys_audit_stream set stored_seq = 9`
    for (let nr = 0; nr < 2; nr += 1) await expect(log.ship()).rejects.toThrow('altered')
    expect(place.lines).toMatchObject([
      { level: 50 },
      { level: 50, err: { message: expect.stringContaining('altered') } },
    ])
    await log.close()
  })
})
