import type { Redis } from 'ioredis'
import {
  assertPrefix,
  counterValue,
  deliver,
  type Kv,
  type KvHandler,
  type KvLog,
  KvUnavailable,
  notCounter,
  wholeTtl,
} from '#backend/database/kv'
import { openLink, type RedisLink } from '#backend/database/kv-redis-link'

export type RedisKvOptions = {
  /** `redis://[user:password@]host:port[/db]`, or `rediss://` for TLS. */
  url: string
  /** Every key and channel starts with this and a colon, so that several programs can share one server. */
  prefix: string
  log: KvLog
  command_timeout_ms?: number
}

const COMMAND_TIMEOUT_MS = 500
const SCAN_BATCH = 500

const INCR = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left }`

const GET_OR_SET = `
local stored = redis.call('GET', KEYS[1])
if stored then return stored end
if ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
return ARGV[1]`

const COMPARE_AND_DELETE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

/**
 * The key-value port on a Redis server (6.2 or newer, not a cluster). Resolves when the server is ready, or after
 * two seconds without it: the program starts all the same and the connection is sought in the background for ever.
 * While the server is away every command throws `KvUnavailable` at once; nothing is queued and nothing is sent twice.
 */
export async function createRedisKv({ url, prefix, log, command_timeout_ms }: RedisKvOptions): Promise<Kv> {
  const listeners: Listeners = new Map()
  const link = openLink(url, command_timeout_ms ?? COMMAND_TIMEOUT_MS, log, () => [...listeners.keys()])
  const fullName = (name: string) => `${prefix}:${name}`
  await link.firstReady()
  return {
    ...createCommands(link.commands, fullName),
    ...createBus(link, listeners, fullName, log),
    onReconnect: link.outages.onReconnect,
    onLost: link.outages.onLost,
    isReady: () => !link.isClosed() && link.commands.status === 'ready',
    async ping() {
      await attempt('ping', () => link.commands.ping())
    },
    async close() {
      listeners.clear()
      await link.close()
    },
  }
}

async function attempt<T>(command: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new KvUnavailable(command, { cause })
  }
}

type Bus = 'publish' | 'subscribe'
type Process = 'onReconnect' | 'onLost' | 'isReady' | 'ping' | 'close'
type FullName = (name: string) => string

function createCommands(redis: Redis, fullName: FullName): Omit<Kv, Bus | Process> {
  const read = (command: string, key: string) => attempt(command, () => redis.get(fullName(key)))
  return {
    get: (key) => read('get', key),
    async mget(keys) {
      return keys.length === 0 ? [] : await attempt('mget', () => redis.mget(keys.map(fullName)))
    },
    async set(key, value, { ttl_ms } = {}) {
      const ttl = ttl_ms === undefined ? undefined : wholeTtl(ttl_ms)
      await attempt('set', () =>
        ttl === undefined ? redis.set(fullName(key), value) : redis.set(fullName(key), value, 'PX', ttl),
      )
    },
    async setIfAbsent(key, value, { ttl_ms } = {}) {
      const ttl = ttl_ms === undefined ? undefined : wholeTtl(ttl_ms)
      const answer = await attempt('setIfAbsent', () =>
        ttl === undefined ? redis.set(fullName(key), value, 'NX') : redis.set(fullName(key), value, 'PX', ttl, 'NX'),
      )
      return answer === 'OK'
    },
    async getOrSet(key, value, { ttl_ms } = {}) {
      const args = ttl_ms === undefined ? [value] : [value, wholeTtl(ttl_ms)]
      return String(await attempt('getOrSet', () => redis.eval(GET_OR_SET, 1, fullName(key), ...args)))
    },
    take: (key) => attempt('take', () => redis.getdel(fullName(key))),
    async incr(key, { ttl_ms }) {
      const window_ms = wholeTtl(ttl_ms)
      const [count, left_ms] = await attempt('incr', () => redis.eval(INCR, 1, fullName(key), window_ms)).then(
        (answer) => answer as [number, number],
        (error: KvUnavailable) => {
          const notInteger = error.cause instanceof Error && error.cause.message.includes('not an integer')
          throw notInteger ? notCounter(key, error.cause) : error
        },
      )
      return { count, ttl_ms: left_ms }
    },
    count: async (key) => counterValue(key, await read('count', key)),
    async del(keys) {
      return keys.length === 0 ? 0 : await attempt('del', () => redis.unlink(keys.map(fullName)))
    },
    async delByPrefix(prefix) {
      assertPrefix(prefix)
      return attempt('delByPrefix', () => unlinkByPrefix(redis, fullName(prefix)))
    },
    async compareAndDelete(key, value) {
      return (await attempt('compareAndDelete', () => redis.eval(COMPARE_AND_DELETE, 1, fullName(key), value))) === 1
    },
    async ttl(key) {
      const left_ms = await attempt('ttl', () => redis.pttl(fullName(key)))
      return left_ms < 0 ? null : left_ms
    },
  }
}

async function unlinkByPrefix(redis: Redis, prefix: string): Promise<number> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`
  let cursor = '0'
  let removed = 0
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_BATCH)
    if (keys.length > 0) removed += await redis.unlink(keys)
    cursor = next
  } while (cursor !== '0')
  return removed
}

/** By full channel name. */
type Listeners = Map<string, Set<{ handler: KvHandler }>>

function createBus(link: RedisLink, listeners: Listeners, fullName: FullName, log: KvLog): Pick<Kv, Bus> {
  const { commands, subscriber } = link
  subscriber.on('message', (channel: string, message: string) => {
    const handlers = [...(listeners.get(channel) ?? [])].map((entry) => () => entry.handler(message))
    deliver(handlers, (err) => log.error({ err, channel }, 'a message handler threw'))
  })
  /** A failure is no loss: the list of channels is what the next connection subscribes to. */
  const unlessAway = async (work: () => Promise<unknown>, channel: string) => {
    if (subscriber.status !== 'ready') return
    await work().catch((err: unknown) => log.warn({ err, channel }, 'the subscription waits for Redis'))
  }

  return {
    async publish(channel, message) {
      await attempt('publish', () => commands.publish(fullName(channel), message))
    },
    async subscribe(name, handler) {
      if (link.isClosed()) throw new KvUnavailable('subscribe', { cause: new Error('closed') })
      const channel = fullName(name)
      const entry = { handler }
      const entries = listeners.get(channel) ?? new Set()
      listeners.set(channel, entries.add(entry))
      await unlessAway(() => subscriber.subscribe(channel), channel)
      return async () => {
        entries.delete(entry)
        if (entries.size > 0 || listeners.get(channel) !== entries) return
        listeners.delete(channel)
        await unlessAway(() => subscriber.unsubscribe(channel), channel)
      }
    },
  }
}
