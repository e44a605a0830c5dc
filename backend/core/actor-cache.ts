import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { LRUCache } from 'lru-cache'
import type { Actor } from '#backend/core/actor'
import type { Ctx } from '#backend/core/ctx'
import type { Logger } from '#backend/core/log'
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
   * To be called inside the transaction of the change. Every process drops what it knows of the touched before the
   * change is acknowledged: through the key-value port, and by a PostgreSQL notification for a process that cannot
   * reach it.
   */
  touch(ctx: Ctx, touched: readonly Touched[]): Promise<void>
  /** Forgets everything this process knows. */
  clear(): void
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ActorCacheOptions {
  database: Database
  kv: Kv
  log: Logger
  /** Reads the actor of a session from PostgreSQL. */
  load: (session_uuid: string, user_id: number) => Promise<Actor | null>
}

interface Entry {
  actor: Actor
  versions: string
  touched: readonly Touched[]
}

const CHANNEL = 'fba_access'
const SESSIONS_MAX = 20_000
/** A version that expires is replaced by a new random one, which only makes its readers reload. */
const VERSION_TTL_MS = 24 * 3_600_000
const versionKey = (touched: Touched) => `access:${touched}`

/**
 * Actors by session, in the process, each valid for the random versions that the key-value port held before it was
 * read. A change replaces a version after its commit and before its answer, so a slow reader cannot put an old actor
 * back, and a lost or emptied store only makes everything be read again. With the port away PostgreSQL is asked.
 */
export function createActorCache({ database, kv, log, load }: ActorCacheOptions): ActorCache {
  const entries = new LRUCache<string, Entry>({ max: SESSIONS_MAX })
  const origin = randomUUID()
  /** Counts what was dropped: a load that began before may not be kept. */
  let drops = 0
  let unlisten: (() => Promise<void>) | undefined
  let stopReconnect: (() => void) | undefined

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

  async function versionsOf(touched: readonly Touched[]): Promise<string> {
    const found = await kv.mget(touched.map(versionKey))
    const complete = await Promise.all(
      touched.map(
        (one, index) => found[index] ?? kv.getOrSet(versionKey(one), randomUUID(), { ttl_ms: VERSION_TTL_MS }),
      ),
    )
    return complete.join('|')
  }

  async function get(session_uuid: string, user_id: number): Promise<Actor | null> {
    const touched: readonly Touched[] = ['all', `user:${user_id}`, `session:${session_uuid}`]
    let versions: string
    try {
      versions = await versionsOf(touched)
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      return load(session_uuid, user_id)
    }
    const known = entries.get(session_uuid)
    if (known !== undefined && known.versions === versions && known.actor.user_id === user_id) return known.actor
    const dropsBefore = drops
    const actor = await load(session_uuid, user_id)
    if (actor !== null && drops === dropsBefore) entries.set(session_uuid, { actor, versions, touched })
    return actor
  }

  async function touch(ctx: Ctx, touched: readonly Touched[]): Promise<void> {
    if (touched.length === 0) return
    const payload = JSON.stringify({ origin, touched: compact(touched) })
    await ctx.db.execute(sql`select pg_notify(${CHANNEL}, ${payload})`)
    await ctx.afterCommit(async () => {
      drop(touched)
      await renew(touched)
    })
  }

  async function renew(touched: readonly Touched[]) {
    try {
      await Promise.all(touched.map((one) => kv.set(versionKey(one), randomUUID(), { ttl_ms: VERSION_TTL_MS })))
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      log.warn({ err: error }, 'access versions not renewed; other processes are told by PostgreSQL')
    }
  }

  /** A change of another process. Its versions are renewed here too, for the in-process port has no other way. */
  function onNotification(payload: string) {
    const { origin: from, touched } = JSON.parse(payload) as { origin: string; touched: Touched[] }
    if (from === origin) return
    drop(touched)
    renew(touched).catch((error: unknown) => log.error({ err: error }, 'access versions not renewed'))
  }

  return {
    get,
    touch,
    clear,
    async start() {
      stopReconnect = kv.onReconnect(clear)
      // The second callback runs at every (re)connection: whatever was said meanwhile was missed.
      const listening = await database.sql.listen(CHANNEL, onNotification, clear)
      unlisten = () => listening.unlisten()
    },
    async stop() {
      stopReconnect?.()
      await unlisten?.()
    },
  }
}

/** A notification holds 8000 bytes; a change that touches more touches all. */
function compact(touched: readonly Touched[]): readonly Touched[] {
  return touched.length > 100 ? ['all'] : touched
}
