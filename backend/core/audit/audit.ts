import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGap } from '#backend/core/audit/gap'
import type { AuditRecord } from '#backend/core/audit/record'
import { recover } from '#backend/core/audit/recover'
import { createShipper, type Shipper, shipContinuously } from '#backend/core/audit/shipper'
import type { AuditSink } from '#backend/core/audit/sink'
import { openSpool } from '#backend/core/audit/spool'
import { adopt, listOrphans, removeStream } from '#backend/core/audit/spool-files'
import type { Config } from '#backend/core/config'
import type { Log } from '#backend/core/log'
import type { Database } from '#backend/database/db'

/** The operation log of one process. */
export interface Audit {
  /** Whether there is room for the record of another change; where there is none, changes must be refused. */
  hasRoom(): boolean
  /** Keeps the record; resolves once it is on disk. With `lazy` nobody waits for it, and one that cannot be kept is counted. */
  append(record: AuditRecord, options?: { lazy?: boolean }): Promise<void>
  /** Begins to store; to be called once the database is migrated. */
  start(): void
  /** Stores all that is on disk now. */
  ship(): Promise<void>
  /** Writes and, if the database takes it within the time limit, stores what is left. */
  close(): Promise<void>
}

export interface AuditOptions {
  config: Pick<Config, 'DATA_DIR' | 'AUDIT_SPOOL_MAX_BYTES' | 'AUDIT_HASH_KEY'>
  database: Database
  sink: AuditSink
  log: Log
}

/** Changes need room for what is under way beside them, so they are refused before the spool is full. */
const CHANGES_SHARE = 0.9
const ORPHANS_MS = 60_000
const CLOSE_MS = 5_000

export function createAudit({ config, database, sink, log }: AuditOptions): Audit {
  const root = join(config.DATA_DIR, 'audit')
  const key = config.AUDIT_HASH_KEY ?? ''
  const spool = openSpool({ root, key })
  const own = createShipper(spool, sink, database, log)
  const orphans = new Map<string, Shipper>()
  const gap = createGap()
  let fails = false
  let shipping: Promise<void> | undefined
  let loop: ReturnType<typeof shipContinuously> | undefined
  let adopting: Promise<void> | undefined
  const ending = new AbortController()

  const pending = () => [own, ...orphans.values()].reduce((sum, shipper) => sum + shipper.pendingBytes(), 0)
  const isWithin = (share: number) => pending() < config.AUDIT_SPOOL_MAX_BYTES * share

  async function write(record: AuditRecord, lazy: boolean): Promise<void> {
    try {
      await spool.append(record, { lazy })
      fails = false
    } catch (error) {
      fails = true
      log.error({ err: error }, 'operation log: a record could not be written')
      throw error
    }
  }

  async function append(record: AuditRecord, { lazy = false } = {}): Promise<void> {
    try {
      if (!isWithin(1)) throw new Error('the spool of the operation log is full')
      const missing = gap.take()
      if (missing !== undefined) await write(missing, lazy)
      await write(record, lazy)
    } catch (error) {
      gap.restore()
      gap.add(record)
      if (!lazy) throw error
    }
  }

  async function adoptOrphans(): Promise<void> {
    for (const stream of listOrphans(root)) {
      if (stream === spool.stream || orphans.has(stream)) continue
      const folder = join(root, stream)
      adopt(folder)
      const { segments } = await recover(folder, key, log)
      orphans.set(stream, createShipper({ stream, segments }, sink, database, log))
      loop?.wake()
    }
  }

  async function shipAll(): Promise<void> {
    for (const [stream, shipper] of orphans) {
      await shipper.ship()
      removeStream(join(root, stream))
      orphans.delete(stream)
    }
    await own.ship()
  }

  /** One at a time: two would send the same records. */
  async function ship(): Promise<void> {
    await shipping?.catch(() => undefined)
    shipping = shipAll().finally(() => {
      shipping = undefined
    })
    await shipping
  }

  async function keepAdopting(): Promise<void> {
    while (!ending.signal.aborted) {
      await adoptOrphans().catch((err: unknown) => log.error({ err }, 'operation log: a spool could not be taken over'))
      await sleep(ORPHANS_MS, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)
    }
  }

  /** What the database does not take in time stays on disk for the next process. */
  async function shipLast(): Promise<void> {
    const late = sleep(CLOSE_MS, 'late', { ref: false })
    const outcome = await Promise.race([ship().catch((error: unknown) => error), late])
    if (outcome !== undefined) log.warn({ err: outcome, bytes: pending() }, 'operation log: not all of it is stored')
  }

  return {
    hasRoom: () => !fails && isWithin(CHANGES_SHARE),
    append,
    start() {
      loop = shipContinuously(ship, log)
      spool.onWritten(() => loop?.wake())
      adopting = keepAdopting()
    },
    ship,
    async close() {
      ending.abort()
      await adopting
      await spool.close()
      await loop?.stop()
      if (loop !== undefined) await shipLast()
      if (own.pendingBytes() === 0) removeStream(spool.folder)
    },
  }
}
