import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadActor } from '#backend/app/admin/crud/actor.crud'
import { user } from '#backend/app/admin/model/user.model'
import { type ActorCache, createActorCache, type Touched } from '#backend/core/actor-cache'
import { type Ctx, withTx } from '#backend/core/ctx'
import { makeSession, openProcess } from '#backend/core/tests/process.fixture'
import { createRedisKv } from '#backend/database/kv-redis'
import { freePort, type PrivateRedis, startRedis } from '#backend/database/tests/redis-server'
import { type Link, openLink } from '#backend/tests/model/link'
import { until } from '#backend/tests/process/spawned'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

const skipped = process.env.TEST_REDIS === 'skip'
if (skipped) process.stderr.write('The actors of several processes are not tested: TEST_REDIS=skip\n')

let database: TestDatabase
const undo: (() => unknown)[] = []
beforeAll(async () => {
  database = await createTestDatabase()
})
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})
afterAll(() => database?.drop())

interface Peer {
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

/** A process whose reading of actors a test can watch and hold. */
async function openPeer(options: PeerOptions): Promise<Peer> {
  const { hears = true, redis_url, role } = options
  const opened = await openProcess({
    database_url: database.url,
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
async function promote(by: Ctx, user_id: number, touched: readonly Touched[] = [`user:${user_id}`]): Promise<void> {
  await withTx(by, async (ctx) => {
    await ctx.db.update(user).set({ is_staff: true }).where(eq(user.id, user_id))
    await ctx.actors.touch(ctx, touched)
  })
}

const isStaff = async ({ actors }: Peer, { session_uuid, user_id }: { session_uuid: string; user_id: number }) =>
  (await actors.get(session_uuid, user_id))?.is_staff

describe.skipIf(skipped)('two processes on one Redis', () => {
  let redis: PrivateRedis
  let port: number
  beforeAll(async () => {
    port = await freePort()
    redis = await startRedis(port)
  })
  afterAll(() => redis?.stop())

  async function openPair(there: {
    hears: boolean
  }): Promise<{ here: Peer; there: Peer; links: Record<'here' | 'there', Link> }> {
    const links = { here: await openLink({ port }), there: await openLink({ port }) }
    undo.push(
      () => links.here.close(),
      () => links.there.close(),
    )
    const url = (link: Link) => `redis://127.0.0.1:${link.port}`
    return {
      here: await openPeer({ redis_url: url(links.here) }),
      there: await openPeer({ redis_url: url(links.there), hears: there.hears }),
      links,
    }
  }

  test('an actor is read once, and read again after a change of theirs alone', async () => {
    const { here, there } = await openPair({ hears: true })
    const [one, two] = [await makeSession(here.ctx.db), await makeSession(here.ctx.db)]
    for (const session of [one, two, one, two, one]) expect(await isStaff(there, session)).toBe(false)
    expect(there.loads()).toBe(2)
    await promote(here.ctx, one.user_id)
    await sleep(100)
    for (const session of [one, two, one, two]) await isStaff(there, session)
    expect(there.loads()).toBe(3)
  })

  test.each<[string, (session: { session_uuid: string; user_id: number }) => Touched]>([
    ['all', () => 'all'],
    ['the user', ({ user_id }) => `user:${user_id}`],
    ['the session', ({ session_uuid }) => `session:${session_uuid}`],
  ])('the next request sees a change of %s, on both, although one is deaf', async (_, touchedOf) => {
    const { here, there } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    for (const peer of [here, there]) expect(await isStaff(peer, session)).toBe(false)
    await promote(here.ctx, session.user_id, [touchedOf(session)])
    for (const peer of [here, there]) expect(await isStaff(peer, session)).toBe(true)
  })

  test('a change that touches more than one event holds touches all', async () => {
    const { here, there } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    expect(await isStaff(there, session)).toBe(false)
    const many = Array.from({ length: 500 }, (_, index) => `session:none-${index}` as const)
    await promote(here.ctx, session.user_id, [...many, `session:${session.session_uuid}`])
    expect(await isStaff(there, session)).toBe(true)
  })

  test('what was read before a change and arrives after it is not kept', async () => {
    const { here, there } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    const held = there.holdLoad()
    const slow = isStaff(there, session)
    await held.begun
    await promote(here.ctx, session.user_id)
    held.release()
    expect(await slow).toBe(false)
    expect(await isStaff(there, session)).toBe(true)
  })

  test('a writer without Redis answers only when the other, who has it and is deaf, can use nothing old', async () => {
    const { here, there, links } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    expect(await isStaff(there, session)).toBe(false)
    links.here.cut()
    await until(async () => !here.ctx.kv.isReady(), 5000)
    // Used on and on, as it would be: it may have looked at the epoch a moment before the change.
    let using = true
    const users = (async () => {
      while (using) await isStaff(there, session).then(() => sleep(5))
    })()
    await promote(here.ctx, session.user_id)
    const seen = await isStaff(there, session)
    using = false
    await users
    expect(seen).toBe(true)
    // The writer's own, too, also once it is back.
    expect(await isStaff(here, session)).toBe(true)
    links.here.mend()
    await until(async () => here.ctx.kv.isReady(), 5000)
    expect(await isStaff(here, session)).toBe(true)
  })

  test('nor is what was read before such a change and arrives after it kept', async () => {
    const { here, there, links } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    const bystander = await makeSession(here.ctx.db)
    await isStaff(there, bystander)
    const held = there.holdLoad()
    const slow = isStaff(there, session)
    await held.begun
    links.here.cut()
    await until(async () => !here.ctx.kv.isReady(), 5000)
    await promote(here.ctx, session.user_id)
    await isStaff(there, bystander)
    held.release()
    await slow
    expect(await isStaff(there, session)).toBe(true)
  })

  test('a reader without Redis asks PostgreSQL, and uses nothing from before once it is back', async () => {
    const { here, there, links } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    expect(await isStaff(there, session)).toBe(false)
    links.there.cut()
    const started = performance.now()
    await promote(here.ctx, session.user_id)
    // The writer reaches Redis and waits for nobody.
    expect(performance.now() - started).toBeLessThan(1000)
    expect(await isStaff(there, session)).toBe(true)
    links.there.mend()
    await sleep(1500)
    expect(await isStaff(there, session)).toBe(true)
  })

  test('a Redis that comes back as it was before a change lets no old actor in, not for a moment', async () => {
    const { here, there, links } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    expect(await isStaff(there, session)).toBe(false)
    const raw = new Redis(redis.url)
    const keys = await raw.keys('peer:*')
    const before = await raw.mget(keys)
    links.there.cut()
    await promote(here.ctx, session.user_id)
    await raw.mset(keys.flatMap((key, index) => [key, before[index] ?? '']))
    raw.disconnect()
    // One of its two connections is enough for commands, and too little for the way back to be complete.
    await until(async () => {
      if (there.ctx.kv.isReady()) return true
      links.there.cut()
      links.there.mend(1)
      await sleep(300)
      return false
    })
    expect(await there.ctx.kv.mget(keys.map((key) => key.slice('peer:'.length)))).toEqual(before)
    expect(await isStaff(there, session)).toBe(true)
  })

  test('a Redis that has forgotten everything makes actors be read again, and lets no old one in', async () => {
    const { here, there } = await openPair({ hears: false })
    const session = await makeSession(here.ctx.db)
    expect(await isStaff(there, session)).toBe(false)
    await redis.stop()
    redis = await startRedis(port)
    await promote(here.ctx, session.user_id)
    expect(await isStaff(there, session)).toBe(true)
    await until(async () => {
      const before = there.loads()
      await isStaff(there, session)
      return there.loads() === before
    })
  })
})

describe('the in-process port', () => {
  test('a server sees its own changes at once and waits for nobody', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    expect(await isStaff(server, session)).toBe(false)
    const started = performance.now()
    await promote(server.ctx, session.user_id)
    expect(performance.now() - started).toBeLessThan(1000)
    expect(await isStaff(server, session)).toBe(true)
  })

  test.each([true, false])('a server sees what the command line has changed (it hears: %s)', async (hears) => {
    const [server, cli] = [await openPeer({ hears }), await openPeer({ role: 'cli', hears: false })]
    const session = await makeSession(server.ctx.db)
    expect(await isStaff(server, session)).toBe(false)
    await promote(cli.ctx, session.user_id)
    expect(await isStaff(server, session)).toBe(true)
  })

  test('a server drops what it knew when it may have missed something', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    await isStaff(server, session)
    const before = server.loads()
    let gaps = 0
    server.ctx.events.onGap(() => (gaps += 1))
    await server.ctx.db.execute(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'listen "fba_events"%'`)
    await until(async () => gaps > 0)
    await isStaff(server, session)
    expect(server.loads()).toBe(before + 1)
  })

  test('a change that is undone makes nobody read again', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    await isStaff(server, session)
    const before = server.loads()
    const undone = withTx(server.ctx, async (ctx) => {
      await ctx.actors.touch(ctx, ['all'])
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await isStaff(server, session)
    expect(server.loads()).toBe(before)
  })
})

describe('a session that is not used', () => {
  const settings = { SESSION_IDLE_SECONDS: '1' }

  test('is refused after its time; one in use on another process is not, also where it was not seen for long', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => openProcess({ database_url: database.url, settings })))
    if (one === undefined || two === undefined) throw new Error('nothing was opened')
    undo.push(
      () => one.close(),
      () => two.close(),
    )
    const { session_uuid, user_id } = await makeSession(one.ctx.db)
    const use = async ({ host }: typeof one) => {
      const actor = await host.actors.get(session_uuid, user_id)
      if (actor !== null) host.activity.note(session_uuid)
      return actor
    }
    expect(await use(one)).not.toBeNull()
    for (let step = 0; step < 15; step += 1) {
      expect(await use(two)).not.toBeNull()
      await sleep(200)
    }
    expect(await use(one)).not.toBeNull()
    await sleep(2000)
    expect(await use(one)).toBeNull()
    expect(await use(two)).toBeNull()
    expect(await use(one)).toBeNull()
  })
})
