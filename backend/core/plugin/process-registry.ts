import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Log } from '#backend/core/log'
import { createStanding, LEASE_MS } from '#backend/core/plugin/standing'
import type { Database } from '#backend/database/db'
import { within } from '#backend/utils/within'

/** A process that has not got as far as the others. */
export interface Laggard {
  process_id: string
  host: string
  pid: number
  /** the set that it served last */
  set_version: number
  error: string | null
}

export interface Report {
  /** null: it serves none yet */
  set_version: number | null
  /** of which it answers a request or runs a task still; null: none */
  oldest_set_version: number | null
  set_error: string | null
}

/** This process among those that serve: it is known to the others, and sees when there is a newer set of plugins. */
export interface ProcessRegistry {
  readonly process_id: string
  /** Says now what is reported, and returns the number of the newest set. */
  look(): Promise<number>
  /** Looks once a second from now on. */
  start(): void
  readonly mayServe: () => boolean
  /** No longer counts. */
  stop(): Promise<void>
}

export interface ProcessRegistryOptions {
  /** A connection of its own, so that a busy pool costs no standing. */
  connect: () => Database
  log: Log
  report: () => Report
  onNewest: (version: number) => void
}

const LOOK_EVERY_MS = 1_000
/** While it may not serve. */
const RETURN_EVERY_MS = 200
const LOOK_LIMIT_MS = 3_000
const SILENT = 'the database does not answer'
/** A process whose row is this old has ended without a word. */
const FORGET_AFTER = '1 hour'
/** Beyond a lease: clocks run at slightly different speeds. */
const LEASE_OVER_MS = LEASE_MS + 500

export function createProcessRegistry({ connect, log, report, onNewest }: ProcessRegistryOptions): ProcessRegistry {
  const process_id = randomUUID()
  const started_time = new Date()
  const standing = createStanding()
  let connection: Database | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let looking: Promise<unknown> = Promise.resolve()

  async function ask({ sql }: Database, { set_version, oldest_set_version, set_error }: Report): Promise<number> {
    const [row] = await sql<{ version: string }[]>`
      with said as (
        insert into sys_process
          (process_id, host, pid, started_time, heartbeat_time, set_version, oldest_set_version, set_error)
        values (${process_id}, ${hostname().slice(0, 255)}, ${process.pid}, ${started_time.toISOString()},
                clock_timestamp(), ${set_version}, ${oldest_set_version}, ${set_error})
        on conflict (process_id) do update
        set heartbeat_time = clock_timestamp(), set_version = excluded.set_version,
            oldest_set_version = excluded.oldest_set_version, set_error = excluded.set_error
      )
      select version from sys_plugin_set where id = 1`
    return Number(row?.version ?? 0)
  }

  async function askWithin(limit_ms: number, said: Report): Promise<number> {
    connection ??= connect()
    const used = connection
    try {
      return await within(limit_ms, ask(used, said), SILENT)
    } catch (error) {
      // What is stuck on it would hold up every look after this one.
      connection = undefined
      void used.close().catch(() => undefined)
      throw error
    }
  }

  async function lookNow(): Promise<number> {
    const said = report()
    const started = performance.now()
    const newest = await askWithin(LOOK_LIMIT_MS, said)
    standing.looked({ started, completed: performance.now(), own: said.set_version, newest })
    return newest
  }

  /** One after the other: they are compared with each other. */
  function look(): Promise<number> {
    const next = looking.then(lookNow, lookNow)
    looking = next
    return next
  }

  async function lookRegularly(): Promise<void> {
    try {
      onNewest(await look())
    } catch (error) {
      log.warn({ err: error }, 'the set of plugins could not be looked at')
    }
    if (stopped) return
    const pause = standing.mayServe(performance.now()) ? LOOK_EVERY_MS : RETURN_EVERY_MS
    timer = setTimeout(() => void lookRegularly(), pause)
    timer.unref()
  }

  return {
    process_id,
    look,
    start: () => void lookRegularly(),
    mayServe: () => standing.mayServe(performance.now()),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await looking.catch(() => undefined)
      const used = connection
      if (used === undefined) return
      connection = undefined
      const farewell = used.sql`delete from sys_process
        where process_id = ${process_id} or heartbeat_time < clock_timestamp() - ${FORGET_AFTER}::interval`
      await within(LOOK_LIMIT_MS, farewell, SILENT).catch((error: unknown) =>
        log.warn({ err: error }, 'this process stays listed until others forget it'),
      )
      await used.close()
    },
  }
}

export interface Behind {
  laggard: Laggard
  /** It has looked within the lease, so it may be serving. */
  counts: boolean
}

/** The processes that serve an older set than `version`, or did when they were last heard of. */
export async function listLaggards({ sql }: Database, version: number): Promise<Behind[]> {
  const rows = await sql<(Omit<Laggard, 'set_version'> & { set_version: string; counts: boolean })[]>`
    select process_id, host, pid, set_version, set_error as error,
           heartbeat_time > clock_timestamp() - ${`${LEASE_OVER_MS} milliseconds`}::interval as counts
    from sys_process where set_version < ${version} order by host, pid`
  return rows.map(({ counts, ...row }) => ({ laggard: { ...row, set_version: Number(row.set_version) }, counts }))
}

/** How many processes answer requests or run tasks of a set older than `version` still. */
export async function countUnderWay({ sql }: Database, version: number): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from sys_process
    where oldest_set_version < ${version}
      and heartbeat_time > clock_timestamp() - ${`${LEASE_OVER_MS} milliseconds`}::interval`
  return row?.count ?? 0
}
