import { type Kv, type KvCount, KvUnavailable } from '#backend/database/kv'
import { createMemoryKv } from '#backend/database/kv-memory'

/** Counters with a fixed window, for limits. */
export interface Counters {
  /** Adds one; the first increment starts the window. */
  incr(key: string, window: { ttl_ms: number }): Promise<KvCount>
  count(key: string): Promise<number>
  reset(keys: readonly string[]): Promise<void>
  close(): Promise<void>
}

const SPARE_ENTRIES_MAX = 50_000

/** Counters in the key-value port, shared by all processes; while it is away each process counts for itself. */
export function createCounters(kv: Kv): Counters {
  const spare = createMemoryKv({ max_entries: SPARE_ENTRIES_MAX })

  async function orSpare<T>(work: (store: Kv) => Promise<T>): Promise<T> {
    try {
      return await work(kv)
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      return work(spare)
    }
  }

  return {
    incr: (key, window) => orSpare((store) => store.incr(key, window)),
    count: (key) => orSpare((store) => store.count(key)),
    async reset(keys) {
      await spare.del(keys)
      await orSpare((store) => store.del(keys))
    },
    close: () => spare.close(),
  }
}
