import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis, type RedisOptions } from 'ioredis'
import { deliver, type KvLog } from '#backend/database/kv'

const QUIT_MS = 1_000
const FIRST_CONNECT_MS = 2_000
const BACKOFF_MAX_MS = 1_000

function connectionOptions(command_timeout_ms: number): RedisOptions {
  return {
    commandTimeout: command_timeout_ms,
    enableOfflineQueue: false,
    // What was in flight when the connection broke is rejected at once and never replayed: an increment may have
    // been carried out already.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // The link subscribes again itself, to know when it is done.
    autoResubscribe: false,
    retryStrategy: (attempts) => Math.min(25 * 2 ** Math.min(attempts, 10), BACKOFF_MAX_MS),
    connectTimeout: 2_000,
    // A server that accepts and never answers is given up, so that the next commands fail at once.
    socketTimeout: command_timeout_ms * 2,
    disconnectTimeout: 500,
    maxLoadingRetryTime: BACKOFF_MAX_MS,
  }
}

export type RedisLink = ReturnType<typeof openLink>

/**
 * The two connections, seen as one: a connection that has subscribed can do nothing else, yet a copy kept on the
 * strength of its messages is only as good as that connection. So the link is lost when either is, and back when
 * both are ready and the subscriptions are in force again.
 */
export function openLink(url: string, command_timeout_ms: number, log: KvLog, channels: () => string[]) {
  const commands = new Redis(url, connectionOptions(command_timeout_ms))
  const subscriber = new Redis(url, connectionOptions(command_timeout_ms))
  const outages = trackOutages(log)
  const settled = createSignal()
  let closed = false
  let subscribed = false
  let session = 0

  function settle(): void {
    if (closed || !subscribed || commands.status !== 'ready' || subscriber.status !== 'ready') return
    settled.raise()
    outages.end()
  }

  async function subscribeAgain(): Promise<void> {
    const current = ++session
    subscribed = false
    const wanted = channels()
    const failed = (err: unknown) => log.error({ err }, 'subscribing to Redis channels failed')
    if (wanted.length > 0) await subscriber.subscribe(...wanted).catch(failed)
    if (current !== session) return
    subscribed = true
    settle()
  }

  function lost(err?: Error): void {
    if (!closed) outages.begin(err)
  }

  for (const redis of [commands, subscriber]) {
    redis.on('error', lost)
    redis.on('close', () => {
      lost()
      if (!closed) outages.broken()
    })
    // The client's own retries end when it cannot even open a socket; ours do not.
    redis.on('end', () => {
      if (!closed) setTimeout(() => void redis.connect().catch(() => {}), BACKOFF_MAX_MS).unref()
    })
  }
  commands.on('ready', settle)
  subscriber.on('ready', () => void subscribeAgain())

  return {
    commands,
    subscriber,
    outages,
    isClosed: () => closed,
    async firstReady(): Promise<void> {
      if (!(await settled.within(FIRST_CONNECT_MS))) lost(new Error(`not ready after ${FIRST_CONNECT_MS} ms`))
    },
    async close(): Promise<void> {
      closed = true
      outages.forget()
      await Promise.all([quit(commands), quit(subscriber)])
    },
  }
}

/** One line for an outage, however many attempts it takes to end it, and a call to whoever wants to know of the end. */
function trackOutages(log: KvLog) {
  const reconnected = createHandlers(log)
  const broken = createHandlers(log)
  let outage = false
  return {
    broken: broken.call,
    onLost: broken.add,
    begin: (err?: Error): void => {
      if (outage) return
      outage = true
      log.warn({ err }, 'Redis is unreachable; reconnecting')
    },
    end: (): void => {
      if (!outage) return
      outage = false
      log.info({}, 'Redis is back')
      reconnected.call()
    },
    onReconnect: reconnected.add,
    forget(): void {
      reconnected.clear()
      broken.clear()
    },
  }
}

function createHandlers(log: KvLog) {
  const handlers = new Set<{ handler: () => void }>()
  return {
    call: (): void => {
      const calls = [...handlers].map((entry) => entry.handler)
      deliver(calls, (err) => log.error({ err }, 'a handler of an outage threw'))
    },
    add: (handler: () => void): (() => void) => {
      const entry = { handler }
      handlers.add(entry)
      return () => void handlers.delete(entry)
    },
    clear: (): void => handlers.clear(),
  }
}

function createSignal() {
  let raise = () => {}
  const raised = new Promise<true>((resolve) => {
    raise = () => resolve(true)
  })
  return {
    raise: () => raise(),
    async within(limit_ms: number): Promise<boolean> {
      const abort = new AbortController()
      const late = delay(limit_ms, false, { signal: abort.signal }).catch(() => false)
      const outcome = await Promise.race([raised, late])
      abort.abort()
      return outcome
    },
  }
}

/** Lets the replies on their way arrive; a server that is away is not waited for. */
async function quit(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    const ended = once(redis, 'end', { signal: AbortSignal.timeout(QUIT_MS) })
    await Promise.all([redis.quit(), ended]).catch(() => {})
  }
  if (redis.status !== 'end') redis.disconnect()
}
