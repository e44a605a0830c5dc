import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Touched } from '#backend/core/actor-cache'
import {
  isStaff,
  type Peer,
  peersOnOneDatabase,
  promote,
  shortestOf,
  WAIT_MS,
} from '#backend/core/tests/actor-cache.fixture'
import { makeSession } from '#backend/core/tests/process.fixture'
import { freePort, type PrivateRedis, startRedis } from '#backend/database/tests/redis-server'
import { type Link, openLink } from '#backend/tests/model/link'
import { until } from '#backend/tests/process/spawned'

const skipped = process.env.TEST_REDIS === 'skip'
if (skipped) process.stderr.write('The actors of several processes are not tested: TEST_REDIS=skip\n')

const { openPeer, undo } = peersOnOneDatabase()

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
    // The writer reaches Redis and waits for nobody.
    expect(await shortestOf(3, () => promote(here.ctx, session.user_id))).toBeLessThan(WAIT_MS)
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
