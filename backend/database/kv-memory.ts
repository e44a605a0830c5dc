import {
  assertPrefix,
  counterValue,
  deliver,
  type Kv,
  type KvHandler,
  KvUnavailable,
  type KvWriteOptions,
  wholeTtl,
} from '#backend/database/kv'

export type MemoryKvOptions = {
  /** Beyond this, expired entries go first, then those written longest ago. */
  max_entries?: number
}

const MAX_ENTRIES_DEFAULT = 200_000
const SWEEP_INTERVAL_MS = 30_000

/** The key-value port within this process, for one process alone: nothing is shared and nothing survives it. */
export function createMemoryKv({ max_entries = MAX_ENTRIES_DEFAULT }: MemoryKvOptions = {}): Kv {
  const store = createStore(max_entries)
  const bus = createBus()
  const sweeper = setInterval(store.sweep, SWEEP_INTERVAL_MS).unref()
  let open = true

  /** Async like any other adapter, so that a mistake is a rejection and not a throw in the caller's frame. */
  async function run<T>(command: string, work: () => T): Promise<T> {
    if (!open) throw new KvUnavailable(command, { cause: new Error('closed') })
    return work()
  }

  return {
    ...createCommands(store, run),
    publish: (channel, message) => run('publish', () => bus.publish(channel, message)),
    subscribe: (channel, handler) => run('subscribe', () => bus.subscribe(channel, handler)),
    onReconnect: () => () => {},
    onLost: () => () => {},
    isReady: () => open,
    ping: () => run('ping', () => {}),
    async close() {
      open = false
      clearInterval(sweeper)
      store.clear()
      bus.clear()
    },
  }
}

type Run = <T>(command: string, work: () => T) => Promise<T>
type Bus = 'publish' | 'subscribe' | 'onReconnect' | 'onLost' | 'isReady' | 'ping' | 'close'

function createCommands(store: Store, run: Run): Omit<Kv, Bus> {
  const write = (key: string, value: string, options?: KvWriteOptions) =>
    store.write(key, value, options?.ttl_ms === undefined ? undefined : wholeTtl(options.ttl_ms))
  return {
    get: (key) => run('get', () => store.read(key)),
    mget: (keys) => run('mget', () => keys.map(store.read)),
    set: (key, value, options) => run('set', () => write(key, value, options)),
    setIfAbsent: (key, value, options) =>
      run('setIfAbsent', () => {
        if (store.read(key) !== null) return false
        write(key, value, options)
        return true
      }),
    getOrSet: (key, value, options) =>
      run('getOrSet', () => {
        const stored = store.read(key)
        if (stored === null) write(key, value, options)
        return stored ?? value
      }),
    take: (key) =>
      run('take', () => {
        const stored = store.read(key)
        store.remove(key)
        return stored
      }),
    incr: (key, { ttl_ms }) =>
      run('incr', () => {
        const window_ms = wholeTtl(ttl_ms)
        const count = counterValue(key, store.read(key)) + 1
        const left_ms = store.left(key) ?? window_ms
        store.write(key, String(count), left_ms)
        return { count, ttl_ms: Math.ceil(left_ms) }
      }),
    count: (key) => run('count', () => counterValue(key, store.read(key))),
    del: (keys) => run('del', () => keys.filter(store.remove).length),
    delByPrefix: (prefix) =>
      run('delByPrefix', () => {
        assertPrefix(prefix)
        return store.keys().filter((key) => key.startsWith(prefix) && store.remove(key)).length
      }),
    compareAndDelete: (key, value) => run('compareAndDelete', () => store.read(key) === value && store.remove(key)),
    ttl: (key) =>
      run('ttl', () => {
        const left_ms = store.left(key)
        return left_ms === null ? null : Math.ceil(left_ms)
      }),
  }
}

type Store = ReturnType<typeof createStore>

/** A bounded map with expiry. Times are of the monotonic clock: setting the wall clock expires nothing. */
function createStore(max_entries: number) {
  const entries = new Map<string, { value: string; expires_at: number }>()

  function live(key: string) {
    const entry = entries.get(key)
    if (!entry || entry.expires_at > performance.now()) return entry
    entries.delete(key)
    return undefined
  }

  function sweep(): void {
    const now = performance.now()
    for (const [key, entry] of entries) if (entry.expires_at <= now) entries.delete(key)
  }

  /** Frees one per cent more than needed, so that a full store is not swept at every write. */
  function makeRoom(): void {
    sweep()
    const kept = max_entries - Math.floor(max_entries / 100)
    if (entries.size <= max_entries) return
    for (const key of entries.keys()) {
      if (entries.size <= kept) return
      entries.delete(key)
    }
  }

  return {
    sweep,
    read: (key: string): string | null => live(key)?.value ?? null,
    write(key: string, value: string, ttl_ms = Number.POSITIVE_INFINITY): void {
      // Deleting first moves the key to the end: the map's order is the order of writing.
      entries.delete(key)
      entries.set(key, { value, expires_at: performance.now() + ttl_ms })
      if (entries.size > max_entries) makeRoom()
    },
    remove: (key: string): boolean => live(key) !== undefined && entries.delete(key),
    left(key: string): number | null {
      const expires_at = live(key)?.expires_at ?? Number.POSITIVE_INFINITY
      return Number.isFinite(expires_at) ? expires_at - performance.now() : null
    },
    keys: (): string[] => [...entries.keys()],
    clear: (): void => entries.clear(),
  }
}

function createBus() {
  const channels = new Map<string, Set<{ handler: KvHandler }>>()

  return {
    publish(channel: string, message: string): void {
      // After the publisher's own code, as over a network, and only to those who still listen by then.
      queueMicrotask(() => {
        const handlers = [...(channels.get(channel) ?? [])].map((entry) => () => entry.handler(message))
        deliver(handlers, (error) => process.emitWarning(error instanceof Error ? error : String(error)))
      })
    },
    subscribe(channel: string, handler: KvHandler): () => Promise<void> {
      const entry = { handler }
      const entries = channels.get(channel) ?? new Set()
      channels.set(channel, entries.add(entry))
      return async () => {
        entries.delete(entry)
        if (entries.size === 0 && channels.get(channel) === entries) channels.delete(channel)
      }
    },
    clear: (): void => channels.clear(),
  }
}
