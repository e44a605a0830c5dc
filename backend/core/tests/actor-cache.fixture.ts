import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { loadActor } from '#backend/app/admin/crud/actor.crud'
import { user } from '#backend/app/admin/model/user.model'
import { type ActorCache, createActorCache, type Touched } from '#backend/core/actor-cache'
import { type Ctx, withTx } from '#backend/core/ctx'
import { openProcess } from '#backend/core/tests/process.fixture'
import { createRedisKv } from '#backend/database/kv-redis'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

export interface Peer {
  ctx: Ctx
  actors: ActorCache
  /** How often it has asked PostgreSQL. */
  loads(): number
  /** The next load answers only once `release` is called, with what it has read by then. */
  holdLoad(): { begun: Promise<void>; release: () => void }
}

interface PeerOptions {
  /** Absent: the in-process port. */
  redis_url?: string
  role?: 'server' | 'cli'
  /** Whether it hears what others say. */
  hears?: boolean
}

/** A database for the tests of this file, the processes they open on it, and steps that close these after each test. */
export function peersOnOneDatabase() {
  let database: TestDatabase
  const undo: (() => unknown)[] = []
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })
  afterAll(() => database?.drop())
  return {
    undo,
    database_url: () => database.url,
    openPeer: (options: PeerOptions) => openPeer(database.url, undo, options),
  }
}

/** A process whose reading of actors a test can watch and hold. */
async function openPeer(database_url: string, undo: (() => unknown)[], options: PeerOptions): Promise<Peer> {
  const { hears = true, redis_url, role } = options
  const opened = await openProcess({
    database_url,
    hears: false,
    ...(role === undefined ? {} : { role }),
  })
  undo.push(() => opened.close())
  const { host } = opened
  const log = pino({ level: 'silent' })
  const kv = redis_url === undefined ? host.kv : await createRedisKv({ url: redis_url, prefix: 'peer', log })
  if (kv !== host.kv) undo.push(() => kv.close())
  let loads = 0
  let hold: { begun: () => void; released: Promise<void> } | undefined
  const actors = createActorCache({
    database: host.database,
    kv,
    events: host.shared.events,
    log,
    shares_kv: redis_url !== undefined || role !== 'cli',
    idle_ms: 0,
    async load(session_uuid, user_id) {
      loads += 1
      const actor = await loadActor(host.database.db, session_uuid, user_id, 0)
      const held = hold
      hold = undefined
      held?.begun()
      await held?.released
      return actor
    },
  })
  if (hears) await host.start()
  return {
    ctx: { ...opened.ctx, kv, actors },
    actors,
    loads: () => loads,
    holdLoad() {
      const [begun, release] = [createSignal(), createSignal()]
      hold = { begun: begun.raise, released: release.raised }
      return { begun: begun.raised, release: release.raise }
    },
  }
}

function createSignal(): { raise: () => void; raised: Promise<void> } {
  let raise = () => {}
  const raised = new Promise<void>((resolve) => {
    raise = resolve
  })
  return { raise: () => raise(), raised }
}

/** Makes somebody staff, the one thing that is looked at here. */
export async function promote(
  by: Ctx,
  user_id: number,
  touched: readonly Touched[] = [`user:${user_id}`],
): Promise<void> {
  await withTx(by, async (ctx) => {
    await ctx.db.update(user).set({ is_staff: true }).where(eq(user.id, user_id))
    await ctx.actors.touch(ctx, touched)
  })
}

export const isStaff = async ({ actors }: Peer, { session_uuid, user_id }: { session_uuid: string; user_id: number }) =>
  (await actors.get(session_uuid, user_id))?.is_staff

/** Less than a writer waits that cannot be sure that others hear of it. */
export const WAIT_MS = 1000

/** The shortest of a few: what waits by design waits each time. */
export async function shortestOf(times: number, work: () => Promise<unknown>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY
  for (let time = 0; time < times; time += 1) {
    const started = performance.now()
    await work()
    shortest = Math.min(shortest, performance.now() - started)
  }
  return shortest
}
