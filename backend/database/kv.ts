/**
 * The key-value port: a cache, a counter and a bus. Nothing kept here is the only copy of anything, and every
 * value may be gone at the next call, so callers are written to do without it.
 *
 * Keys and channels are free text; a colon separates their parts (`user:1:profile`). Values are strings.
 */
export type Kv = {
  get(key: string): Promise<string | null>
  /** Values in the order of the keys, `null` where there is none. */
  mget(keys: readonly string[]): Promise<(string | null)[]>
  /** Without `ttl_ms` the value has no expiry, also when the one it replaces had one. */
  set(key: string, value: string, options?: KvWriteOptions): Promise<void>
  /** True for the one caller whose value was stored. */
  setIfAbsent(key: string, value: string, options?: KvWriteOptions): Promise<boolean>
  /** The stored value; the one given is stored first if there is none. Every racer gets the same answer. */
  getOrSet(key: string, value: string, options?: KvWriteOptions): Promise<string>
  /** Reads and deletes in one step, so that a single-use value is given out once. */
  take(key: string): Promise<string | null>
  /**
   * Adds one to a counter with a fixed window: the first increment starts the window, later ones do not extend it.
   * `ttl_ms` of the answer is what is left of the window.
   */
  incr(key: string, window: { ttl_ms: number }): Promise<KvCount>
  /** The counter's value, 0 if there is none. */
  count(key: string): Promise<number>
  /** How many of the keys were there. */
  del(keys: readonly string[]): Promise<number>
  /**
   * Deletes every key that starts with the prefix and says how many there were. The prefix ends with ':', so
   * 'user:1:' leaves 'user:10:x' alone, and no character of it is a wildcard. Walks the whole key space: for
   * administration and invalidation, not for every request.
   */
  delByPrefix(prefix: string): Promise<number>
  /** Deletes the key only while it holds this value: how a lock is given back by its holder alone. */
  compareAndDelete(key: string, value: string): Promise<boolean>
  /** Milliseconds left, `null` without an expiry or without the key. */
  ttl(key: string): Promise<number | null>
  /** Delivered at most once to whoever listens now; who is away misses it (see `onReconnect`). */
  publish(channel: string, message: string): Promise<void>
  /**
   * Listens until the returned function is called. A subscription is a standing wish: it is taken also while the
   * store is away and is in force again whenever the store is back.
   */
  subscribe(channel: string, handler: KvHandler): Promise<() => Promise<void>>
  /**
   * Called when the store had been lost and is back with all subscriptions in force. Messages may have been missed,
   * so whoever keeps copies drops them. Returns the function that stops it.
   */
  onReconnect(handler: () => void): () => void
  /**
   * Called whenever a connection to the store breaks, before any other is made: a store that is back may hold what it
   * held long ago, so copies that its values vouch for are dropped now. Returns the function that stops it.
   */
  onLost(handler: () => void): () => void
  /** Whether a command sent now is expected to succeed. */
  isReady(): boolean
  ping(): Promise<void>
  /** Ends everything this port keeps running. Every later command throws `KvUnavailable`. */
  close(): Promise<void>
}

export type KvWriteOptions = { ttl_ms?: number }
export type KvCount = { count: number; ttl_ms: number }
export type KvHandler = (message: string) => void

/** The part of a pino logger that an adapter uses. */
export type KvLog = Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>

/** The store did not carry out a command; whether a write has happened is unknown. */
export class KvUnavailable extends Error {
  override readonly name = 'KvUnavailable'

  constructor(command: string, options?: { cause?: unknown }) {
    super(`key-value store unavailable: ${command}`, options)
  }
}

/** `delByPrefix('user:1')` would take user 10 along, so the separator is demanded. */
export function assertPrefix(prefix: string): void {
  if (!prefix.endsWith(':')) throw new RangeError(`a key prefix must end with ':': '${prefix}'`)
}

/** Whole milliseconds. Zero and less are refused: they would mean 'never' in one store and 'at once' in another. */
export function wholeTtl(ttl_ms: number): number {
  if (!(Number.isFinite(ttl_ms) && ttl_ms > 0)) throw new RangeError(`ttl_ms must be more than 0: ${ttl_ms}`)
  return Math.ceil(ttl_ms)
}

/** The integer a counter holds, 0 for an absent one; a key with other content is the caller's mistake. */
export function counterValue(key: string, stored: string | null): number {
  if (stored === null) return 0
  if (!/^-?\d+$/.test(stored)) throw notCounter(key)
  return Number(stored)
}

export function notCounter(key: string, cause?: unknown): TypeError {
  return new TypeError(`the key does not hold a counter: '${key}'`, { cause })
}

/** Hands a message to each handler; one that throws stops neither the others nor the process. */
export function deliver(handlers: readonly (() => void)[], onError: (error: unknown) => void): void {
  for (const handler of handlers) {
    try {
      handler()
    } catch (error) {
      onError(error)
    }
  }
}
