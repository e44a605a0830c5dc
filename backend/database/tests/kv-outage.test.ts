import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Kv, KvUnavailable } from '#backend/database/kv'
import { createRedisKv } from '#backend/database/kv-redis'
import { recorder } from '#backend/database/tests/kv.fixture'
import { freePort, hasRedisServer, type PrivateRedis, startRedis } from '#backend/database/tests/redis-server'

const sharedUrl = process.env.TEST_REDIS_URL
const skipRedis = process.env.TEST_REDIS === 'skip'

describe.skipIf(skipRedis || (sharedUrl && !hasRedisServer))('Redis key-value store in an outage', () => {
  let port = 0
  let server: PrivateRedis
  let kv: Kv
  let log: ReturnType<typeof recorder>

  beforeEach(async () => {
    port = await freePort()
    server = await startRedis(port)
    log = recorder()
    kv = await createRedisKv({ url: server.url, prefix: 'outage', log })
  })
  afterEach(async () => {
    await kv.close()
    await server.stop()
  })

  const fails = async (work: () => Promise<unknown>) => {
    const error = await work().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(KvUnavailable)
    expect((error as KvUnavailable).cause).toBeInstanceOf(Error)
  }
  /** Without waiting for anything: before the event loop has turned a few times. */
  const failsAtOnce = async (work: () => Promise<unknown>) => {
    let turns = 0
    const count = () => {
      turns += 1
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    await fails(work).finally(() => clearImmediate(next))
    expect(turns).toBeLessThan(5)
  }

  it('fails every command at once while the server is away, and takes up again where it was when it is back', async () => {
    const heard: string[] = []
    const reconnected = vi.fn()
    await kv.subscribe('news', (message) => heard.push(message))
    const stopped = vi.fn()
    kv.onReconnect(stopped)()
    kv.onReconnect(reconnected)
    const lost = vi.fn()
    kv.onLost(lost)
    await kv.set('t:a', '1')

    await server.stop()
    await fails(() => kv.get('t:a'))
    for (const work of [
      () => kv.set('t:a', '1'),
      () => kv.incr('t:n', { ttl_ms: 1_000 }),
      () => kv.take('t:a'),
      () => kv.getOrSet('t:a', '1'),
      () => kv.delByPrefix('t:'),
      () => kv.publish('news', '0'),
      () => kv.ping(),
    ]) {
      await failsAtOnce(work)
    }
    expect(kv.isReady()).toBe(false)
    expect(lost).toHaveBeenCalled()
    await kv.subscribe('late', (message) => heard.push(message))
    await delay(1_200)
    expect(log.lines.map(({ level }) => level)).toEqual(['warn'])
    expect(reconnected).not.toHaveBeenCalled()

    server = await startRedis(port)
    await vi.waitFor(() => expect(reconnected).toHaveBeenCalledTimes(1), { timeout: 5_000 })
    expect(kv.isReady()).toBe(true)
    expect(await kv.incr('t:n', { ttl_ms: 1_000 })).toMatchObject({ count: 1 })
    await kv.publish('news', '1')
    await kv.publish('late', '2')
    await vi.waitFor(() => expect(heard).toEqual(['1', '2']))
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
    expect(stopped).not.toHaveBeenCalled()
  })

  it('reports the way back also when only the subscribing connection was lost', async () => {
    const reconnected = vi.fn()
    const heard: string[] = []
    kv.onReconnect(reconnected)
    await kv.subscribe('news', (message) => heard.push(message))
    const raw = new Redis(server.url)
    await raw.client('KILL', 'TYPE', 'PUBSUB')
    await vi.waitFor(() => expect(reconnected).toHaveBeenCalledTimes(1), { timeout: 5_000 })
    await kv.publish('news', '1')
    await vi.waitFor(() => expect(heard).toEqual(['1']))
    raw.disconnect()
  })

  it('does not wait for a server that accepts and never answers', async () => {
    const reconnected = vi.fn()
    kv.onReconnect(reconnected)
    server.signal('SIGSTOP')
    await fails(() => kv.get('t:a'))
    await vi.waitFor(() => expect(kv.isReady()).toBe(false), { timeout: 5_000 })
    await failsAtOnce(() => kv.get('t:a'))
    server.signal('SIGCONT')
    await vi.waitFor(() => expect(reconnected).toHaveBeenCalled(), { timeout: 10_000 })
    expect(await kv.get('t:a')).toBeNull()
  })

  it('starts without the server and finds it later', async () => {
    await server.stop()
    const early = recorder()
    const other = await createRedisKv({ url: server.url, prefix: 'outage', log: early })
    onTestFinished(() => other.close())
    expect(early.lines.map(({ level }) => level)).toEqual(['warn'])
    await failsAtOnce(() => other.get('t:a'))
    const reconnected = vi.fn()
    other.onReconnect(reconnected)
    server = await startRedis(port)
    await vi.waitFor(() => expect(reconnected).toHaveBeenCalledTimes(1), { timeout: 5_000 })
    expect(await other.get('t:a')).toBeNull()
  })
})
