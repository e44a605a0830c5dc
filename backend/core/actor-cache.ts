import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { Unavailable } from '#backend/common/errors'
import type { Actor } from '#backend/core/actor'
import type { Ctx } from '#backend/core/ctx'
import type { Events } from '#backend/core/events'
import type { Log } from '#backend/core/log'
import type { Database } from '#backend/database/db'
import { type Kv, KvUnavailable } from '#backend/database/kv'

/**
 * Whose standing a change touches: `all` (roles, menus, departments, scopes, rules), one user, or one session.
 */
export type Touched = 'all' | `user:${number}` | `session:${string}`

export interface ActorCache {
  /** The actor of a session, or null when the session or its user has no standing any more. */
  get(session_uuid: string, user_id: number): Promise<Actor | null>
  /**
   * To be called inside the transaction of the change. No process uses what it knew of the touched once the change is
   * acknowledged.
   */
  touch(ctx: Ctx, touched: readonly Touched[]): Promise<void>
  /** Forgets everything this process knows. */
  clear(): void
}

export interface ActorCacheOptions {
  database: Database
  kv: Kv
  events: Events
  log: Log
  /** Whether every process that serves requests uses this key-value port. */
  shares_kv: boolean
  /** How long an actor may be unused before PostgreSQL is asked whether its session went idle; 0: any time. */
  idle_ms: number
  /** Reads the actor of a session from PostgreSQL. */
  load: (session_uuid: string, user_id: number) => Promise<Actor | null>
}

interface Entry {
  actor: Actor
  versions: string
  touched: readonly Touched[]
  used_at: number
}

const SESSIONS_MAX = 20_000
/** A version that expires is replaced by a new random one, which only makes its readers reload. */
const VERSION_TTL_MS = 24 * 3_600_000
/** How long a process may trust its cache without looking at the epoch. */
const LEASE_MS = 1000
/** What a writer waits for when others could not be told: the lease, and a margin for timers. */
const LEASE_OVER_MS = LEASE_MS + 250
const EPOCH_TRIES = 10
/** A notification holds 8000 bytes; a change that touches more touches all. */
const TOUCHED_MAX = 100

const versionKey = (touched: Touched) => `access:${touched}`

/**
 * Actors by session, in the process, each valid for the random versions that the key-value port held before it was
 * read. A change replaces a version after its commit and before its answer, so a slow reader cannot put an old actor
 * back, and a lost or emptied store only makes everything be read again. With the port away PostgreSQL is asked.
 *
 * A writer that cannot reach the port moves the epoch in PostgreSQL and waits until every process must have looked at
 * it: one that can still reach the port, or has just come back to it, does not go on with what it knew.
 */
export function createActorCache(options: ActorCacheOptions): ActorCache {
  const { database, kv, events, log, shares_kv, idle_ms, load } = options
  const entries = new LRUCache<string, Entry>({ max: SESSIONS_MAX })
  /** Counts what was dropped: a load that began before may not be kept. */
  let drops = 0

  const clear = () => {
    drops += 1
    entries.clear()
  }

  function drop(touched: readonly Touched[]) {
    drops += 1
    if (touched.includes('all')) return entries.clear()
    for (const [session_uuid, entry] of entries)
      if (entry.touched.some((one) => touched.includes(one))) entries.delete(session_uuid)
  }

  const lease = createLease(database, clear)

  async function versionsOf(touched: readonly Touched[]): Promise<string> {
    const found = await kv.mget(touched.map(versionKey))
    const complete = await Promise.all(
      touched.map(
        async (one, index) => found[index] ?? kv.getOrSet(versionKey(one), randomUUID(), { ttl_ms: VERSION_TTL_MS }),
      ),
    )
    return complete.join('|')
  }

  async function get(session_uuid: string, user_id: number): Promise<Actor | null> {
    const touched: readonly Touched[] = ['all', `user:${user_id}`, `session:${session_uuid}`]
    let versions: string
    try {
      ;[versions] = await Promise.all([versionsOf(touched), lease.hold()])
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      return load(session_uuid, user_id)
    }
    const now = performance.now()
    const known = entries.get(session_uuid)
    if (known?.versions === versions && known.actor.user_id === user_id && isFresh(known, now, idle_ms)) {
      known.used_at = now
      return known.actor
    }
    const dropsBefore = drops
    const actor = await load(session_uuid, user_id)
    if (actor === null) entries.delete(session_uuid)
    else if (drops === dropsBefore) entries.set(session_uuid, { actor, versions, touched, used_at: now })
    return actor
  }

  async function touch(ctx: Ctx, touched: readonly Touched[]): Promise<void> {
    if (touched.length === 0) return
    const told: readonly Touched[] = touched.length > TOUCHED_MAX ? ['all'] : touched
    await events.emit(ctx, 'access.changed', { touched: told })
    await ctx.afterCommit(async () => {
      drop(told)
      const reached = await renew(told)
      if (!reached || !shares_kv) await lease.outlast()
    })
  }

  /** Whether the port could be told. */
  async function renew(touched: readonly Touched[]): Promise<boolean> {
    try {
      await Promise.all(touched.map((one) => kv.set(versionKey(one), randomUUID(), { ttl_ms: VERSION_TTL_MS })))
      return true
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      log.warn({ err: error }, 'access versions not renewed: waiting until every process has looked at the epoch')
      return false
    }
  }

  events.on('access.changed', ({ touched }, { own }) => {
    if (own) return
    drop(touched)
    // The in-process port has no other way to hear of a change by the command line.
    renew(touched).catch((error: unknown) => log.error({ err: error }, 'access versions not renewed'))
  })
  events.onGap(clear)
  kv.onLost(clear)
  kv.onReconnect(clear)

  return { get, touch, clear }
}

function isFresh({ used_at }: Entry, now: number, idle_ms: number): boolean {
  return idle_ms === 0 || now - used_at < idle_ms
}

/** The right to trust the cache, good for LEASE_MS after each look at the epoch. */
function createLease(database: Database, onMoved: () => void) {
  let epoch: string | undefined
  let looked_at = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  async function look() {
    const started = performance.now()
    // The first nextval() of a sequence changes is_called alone.
    const [row] = await database.sql<
      { moved: string }[]
    >`select last_value || ' ' || is_called as moved from sys_access_epoch`
    const current = row?.moved
    if (epoch !== undefined && current !== epoch) onMoved()
    epoch = current
    looked_at = started
  }

  return {
    /** Resolves once this process may trust what it knows. */
    hold(): Promise<void> | undefined {
      if (performance.now() - looked_at < LEASE_MS) return undefined
      looking ??= look().finally(() => {
        looking = undefined
      })
      return looking
    },
    /** Moves the epoch and resolves when nobody can hold a lease from before. */
    async outlast(): Promise<void> {
      for (let tries = 1; ; tries += 1) {
        try {
          await database.sql`select nextval('sys_access_epoch')`
          break
        } catch (error) {
          // The change is made but cannot be announced: its answer may not say that it holds everywhere.
          if (tries === EPOCH_TRIES) throw new Unavailable('error.unavailable', { cause: error })
          await sleep(100 * tries)
        }
      }
      await sleep(LEASE_OVER_MS)
    },
  }
}
