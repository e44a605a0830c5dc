import { LRUCache } from 'lru-cache'
import type { Ctx } from '#backend/core/ctx'
import type { Events } from '#backend/core/events'
import type { DictData } from '#backend/plugin/dict/model/dict-data.model'

declare module '#backend/core/events' {
  interface EventPayloads {
    /** Types of dictionary or their values have changed. */
    'dict.changed': Record<string, never>
  }
}

type Values = readonly DictData[]

interface DictCache {
  /** The values of a type: those kept here, else those that `load` reads; what it does not find is not kept. */
  get(code: string, load: () => Promise<Values | undefined>): Promise<Values | undefined>
  clear(): void
}

const TYPES_MAX = 1000
/** A process that is cut off without noticing shows an old label no longer than this. */
const TTL_MS = 60_000

/** One for each process: as long as it hears the events that clear it. */
const caches = new WeakMap<Events, DictCache>()

function cacheOf({ events }: Ctx): DictCache {
  const known = caches.get(events)
  if (known !== undefined) return known
  const cache = createCache()
  events.on('dict.changed', () => cache.clear())
  events.onGap(() => cache.clear())
  caches.set(events, cache)
  return cache
}

function createCache(): DictCache {
  const entries = new LRUCache<string, Values>({ max: TYPES_MAX, ttl: TTL_MS })
  /** Counts how often all was dropped: what was read before may be old, and is not kept. */
  let drops = 0
  return {
    async get(code, load) {
      const known = entries.get(code)
      if (known !== undefined) return known
      const before = drops
      const values = await load()
      if (values !== undefined && drops === before) entries.set(code, values)
      return values
    },
    clear() {
      drops += 1
      entries.clear()
    },
  }
}

/** Within a transaction nothing is taken from the cache nor kept: what it reads may never be committed. */
export async function cachedValues(
  ctx: Ctx,
  code: string,
  load: () => Promise<Values | undefined>,
): Promise<Values | undefined> {
  return ctx.in_transaction ? load() : cacheOf(ctx).get(code, load)
}

/**
 * To be called in the transaction of every change of dictionaries. All are dropped: changes are rare, and a
 * notification holds few codes. This process drops before the change is answered, the others when they hear of it.
 */
export async function dropCached(ctx: Ctx): Promise<void> {
  await ctx.events.emit(ctx, 'dict.changed', {})
  await ctx.afterCommit(async () => cacheOf(ctx).clear())
}
