import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditFolder, type Ends } from '#backend/core/audit/ends'
import { createGap, ownRecord } from '#backend/core/audit/gap'
import type { AuditRecord } from '#backend/core/audit/record'
import { recover } from '#backend/core/audit/recover'
import { type ShipLoop, shipContinuously } from '#backend/core/audit/ship-loop'
import { type Between, createShipper, type Shipper, type Source } from '#backend/core/audit/shipper'
import type { AuditSink, Expired } from '#backend/core/audit/sink'
import { openSpool } from '#backend/core/audit/spool'
import { adopt, listOrphans, removeStream, showInUse } from '#backend/core/audit/spool-files'
import type { Config } from '#backend/core/config'
import type { Log } from '#backend/core/log'
import type { Database } from '#backend/database/db'

/** The operation log of one process. */
export interface Audit {
  /** Under which name this process's records are chained. */
  readonly stream: string
  /** Whether there is room for the record of another change; where there is none, changes must be refused. */
  hasRoom(): boolean
  /** Keeps the record; resolves once it is on disk. One that cannot be kept is counted. */
  append: (record: AuditRecord) => Promise<void>
  /** As `append`, for whom nobody waits; on disk within 100 ms. */
  note: (record: AuditRecord) => void
  /** Begins to store; to be called once the database is migrated. */
  start(): void
  /** Stores all that has been appended so far; throws when the database does not take it. */
  ship(): Promise<void>
  /** Writes and, if the database takes it within the time limit, stores what is left. */
  close(): Promise<void>
}

export interface AuditOptions {
  config: Pick<Config, 'DATA_DIR' | 'AUDIT_SPOOL_MAX_BYTES'>
  /** Of the hashes that chain the records. */
  key: string
  ends: Ends
  database: Database
  sink: AuditSink
  log: Log
  /** What is removed because of its age, where records have one. */
  removeExpired?: () => Promise<Expired[]>
  /** How often the own folder is shown to be in use, and folders of processes that are gone are looked for. */
  look_ms?: number
}

/** Changes need room for what is under way beside them, so they are refused before the spool is full. */
const CHANGES_SHARE = 0.9
/** In memory, while the disk takes nothing. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024
const LOOK_MS = 60_000
const RETENTION_MS = 6 * 3_600_000
const CLOSE_MS = 5_000
const KEEPING_MS = 1_000
const UNSAID = 'operation log: what it misses could not be said in it'
const TAKE_OVER_FAILED = 'operation log: a spool could not be taken over'

export function createAudit(options: AuditOptions): Audit {
  const { config, key, ends, database, sink, log, removeExpired, look_ms = LOOK_MS } = options
  const root = auditFolder(config.DATA_DIR)
  const spool = openSpool({ root, key })
  const shipperOf = (source: Source) => createShipper({ source, key, sink, database, log })
  const own = shipperOf(spool)
  const orphans = new Map<string, Shipper>()
  /** What is this process's already and could not be read: nobody else will try. */
  const unread = new Set<string>()
  /** What was wrong with each stream when it was last said. */
  const said = new Map<string, string>()
  const gap = createGap()
  let fails = false
  let shipping: Promise<void> | undefined
  let loop: ShipLoop | undefined
  let keeping: Promise<unknown> | undefined
  const ending = new AbortController()

  function pending(): number {
    let bytes = own.pendingBytes() + spool.waitingBytes()
    for (const shipper of orphans.values()) bytes += shipper.pendingBytes()
    return bytes
  }
  const isWithin = (share: number) =>
    pending() < config.AUDIT_SPOOL_MAX_BYTES * share && spool.waitingBytes() < WAITING_BYTES_MAX * share

  /** Whether there is room for it. What is missing from before is said first. */
  function isRoomFor({ opera_time }: AuditRecord): boolean {
    if (!isWithin(1)) {
      if (gap.add(opera_time)) log.error({ bytes: pending() }, 'operation log: no room, what comes now is only counted')
      return false
    }
    const missing = gap.take()
    if (missing !== undefined)
      spool.note(missing.record, (error) => {
        if (error !== undefined) missing.restore()
      })
    return true
  }

  function settle({ opera_time, trace_id, username, method, path }: Kept, error: unknown): void {
    fails = error !== undefined
    if (!fails) return
    log.error({ err: error, trace_id, username, method, path }, 'operation log: a record could not be written')
    gap.add(opera_time)
  }

  async function append(record: AuditRecord): Promise<void> {
    if (!isRoomFor(record)) throw new Error('the spool of the operation log is full')
    try {
      await spool.append(record)
      settle(record, undefined)
    } catch (error) {
      settle(record, error)
      throw error
    }
  }

  function note(record: AuditRecord): void {
    if (!isRoomFor(record)) return
    const { opera_time, trace_id, username, method, path } = record
    const kept = { opera_time, trace_id, username, method, path }
    spool.note(record, (error) => settle(kept, error))
  }

  /** One that cannot be read keeps none of the others from being stored. */
  async function adoptOrphans(): Promise<void> {
    for (const stream of new Set([...unread, ...listOrphans(root)])) {
      if (stream === spool.stream || orphans.has(stream)) continue
      await takeOver(stream).catch((err: unknown) => log.error({ err, stream }, TAKE_OVER_FAILED))
    }
  }

  async function takeOver(stream: string): Promise<void> {
    const folder = join(root, stream)
    // Whoever could not mend it may have taken it away.
    unread.delete(stream)
    if (!existsSync(folder)) return
    adopt(folder)
    unread.add(stream)
    const { segments } = await recover(folder, key, log)
    unread.delete(stream)
    orphans.set(stream, shipperOf({ stream, segments }))
    loop?.wake()
  }

  /** The own records first, and each of the others whatever is wrong with those before it. */
  async function shipAll(between: Between | undefined): Promise<void> {
    await spool.flush()
    const failures: unknown[] = []
    const attempt = async (stream: string, work: () => Promise<unknown>) => {
      try {
        await work()
        said.delete(stream)
      } catch (error) {
        complain(stream, error)
        failures.push(error)
      }
    }
    await attempt(spool.stream, () => own.ship(between))
    for (const [stream, shipper] of orphans) await attempt(stream, () => shipOrphan(stream, shipper, between))
    if (failures.length > 0) throw failures[0]
  }

  /** Of each stream what is new: one that is never taken keeps nothing else from being said. */
  function complain(stream: string, err: unknown): void {
    // A failed query has its parameters in its message, which are other ones each time.
    const reason = String(err instanceof Error ? (err.cause ?? err) : err)
    if (said.get(stream) === reason) return
    said.set(stream, reason)
    log.error({ err, stream }, 'operation log: the database does not take it, trying again')
  }

  async function shipOrphan(stream: string, shipper: Shipper, between: Between | undefined): Promise<void> {
    if (!(await shipper.ship(between))) return
    await finish(join(root, stream), shipper)
    orphans.delete(stream)
  }

  /** Its files have done their work: that it ends here is all that is still to be known of it. */
  async function finish(folder: string, shipper: Shipper): Promise<void> {
    const end = shipper.end()
    if (end !== undefined) await ends.note(end)
    removeStream(folder)
  }

  /** One at a time: two would send the same records. */
  async function ship(between?: Between): Promise<void> {
    const before = shipping
    const now = (async () => {
      await before?.catch(() => undefined)
      await shipAll(between)
    })()
    shipping = now
    await now
  }

  async function retain(): Promise<void> {
    const removed = (await removeExpired?.()) ?? []
    if (removed.length > 0) await append(ownRecord(retentionNote(removed)))
  }

  /** Does it at once and then again and again until the log is closed. */
  async function keepDoing(work: () => Promise<void>, pause_ms: number, failure: string): Promise<void> {
    while (!ending.signal.aborted) {
      await work().catch((err: unknown) => log.error({ err }, failure))
      await sleep(pause_ms, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)
    }
  }

  /** Whether there is room or not: nobody comes after this to say what is missing. */
  async function sayMissing(): Promise<void> {
    const missing = gap.take()
    if (missing === undefined) return
    const { record } = missing
    await spool.append(record).catch((err: unknown) => log.error({ err, missing: record.args }, UNSAID))
  }

  /** What the database does not take in time, the batch under way included, stays on disk for the next process. */
  async function shipLast(loop: ShipLoop): Promise<void> {
    const late = sleep(CLOSE_MS, 'late', { ref: false })
    const all = loop.stop().then(() => ship())
    const outcome = await Promise.race([all.catch((error: unknown) => error), late])
    if (outcome !== undefined) log.warn({ err: outcome, bytes: pending() }, 'operation log: not all of it is stored')
  }

  // From the beginning: until the log is started a migration may take its time.
  const showing = keepDoing(async () => showInUse(spool.folder), look_ms, 'operation log: the own folder is gone')

  return {
    stream: spool.stream,
    hasRoom: () => !fails && isWithin(CHANGES_SHARE),
    append,
    note,
    start() {
      loop = shipContinuously(ship)
      spool.onWritten(() => loop?.wake())
      keeping = Promise.all([
        showing,
        keepDoing(adoptOrphans, look_ms, TAKE_OVER_FAILED),
        keepDoing(retain, RETENTION_MS, 'operation log: old records could not be removed'),
      ])
    },
    ship: () => ship(),
    async close() {
      ending.abort()
      // Old records can be many: what is not removed by then is removed by the next process.
      await Promise.race([keeping, sleep(KEEPING_MS, undefined, { ref: false })])
      await sayMissing()
      await spool.close()
      if (loop !== undefined) await shipLast(loop)
      if (own.pendingBytes() > 0) return
      // Where it cannot be noted the folder stays, for the next process to do it.
      await finish(spool.folder, own).catch((err: unknown) =>
        log.error({ err }, 'operation log: its end was not noted'),
      )
    },
  }
}

/** What is told of a record that could not be written. */
type Kept = Pick<AuditRecord, 'opera_time' | 'trace_id' | 'username' | 'method' | 'path'>

function retentionNote(removed: readonly Expired[]) {
  const count = removed.reduce((sum, one) => sum + one.count, 0)
  return {
    method: 'RETENTION',
    title: 'Records beyond their age were removed',
    status: 1,
    msg: `${count} removed`,
    args: { removed },
  }
}
