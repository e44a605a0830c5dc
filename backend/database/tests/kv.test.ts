import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createMemoryKv } from '#backend/database/kv-memory'
import { createRedisKv } from '#backend/database/kv-redis'
import { contract, recorder } from '#backend/database/tests/kv.fixture'
import { freePort, type PrivateRedis, startRedis } from '#backend/database/tests/redis-server'
import { randomHex32 } from '#backend/utils/random'

describe('in-process key-value store', () => {
  contract(async () => createMemoryKv())

  it('drops expired entries first and then those written longest ago', async () => {
    const kv = createMemoryKv({ max_entries: 3 })
    await kv.set('a', '1')
    await kv.set('b', '1', { ttl_ms: 10 })
    await kv.set('c', '1')
    await delay(20)
    await kv.set('d', '1')
    expect(await kv.mget(['a', 'b', 'c', 'd'])).toEqual(['1', null, '1', '1'])
    await kv.set('a', '2')
    await kv.set('e', '1')
    expect(await kv.mget(['a', 'c', 'd', 'e'])).toEqual(['2', null, '1', '1'])
    await kv.close()
  })

  it('keeps two stores apart', async () => {
    const [one, two] = [createMemoryKv(), createMemoryKv()]
    await one.set('a', '1')
    expect(await two.get('a')).toBeNull()
  })
})

const sharedUrl = process.env.TEST_REDIS_URL
const skipRedis = process.env.TEST_REDIS === 'skip'
if (skipRedis) process.stderr.write('Redis is not tested: TEST_REDIS=skip\n')

describe.skipIf(skipRedis)('Redis key-value store', () => {
  let url = sharedUrl ?? ''
  let server: PrivateRedis | undefined

  beforeAll(async () => {
    if (url) return
    server = await startRedis(await freePort())
    url = server.url
  })
  afterAll(() => server?.stop())

  const prefix = `kv-test-${randomHex32()}-[a*]`

  describe('as the port', () => {
    contract(() => createRedisKv({ url, prefix, log: recorder() }))
  })

  it('keeps its keys and channels under its own prefix', async () => {
    const one = await createRedisKv({ url, prefix: `${prefix}1`, log: recorder() })
    const two = await createRedisKv({ url, prefix: `${prefix}2`, log: recorder() })
    const raw = new Redis(url)
    const heard: string[] = []
    await two.subscribe('news', (message) => heard.push(message))
    await one.set('t:a', '1')
    await two.set('t:a', '2')
    await one.publish('news', 'one')
    await two.publish('news', 'two')
    await vi.waitFor(() => expect(heard).toEqual(['two']))
    expect(await raw.get(`${prefix}1:t:a`)).toBe('1')
    expect(await one.delByPrefix('t:')).toBe(1)
    expect(await two.get('t:a')).toBe('2')
    await two.delByPrefix('t:')
    await Promise.all([one.close(), two.close(), raw.quit()])
  })
})
