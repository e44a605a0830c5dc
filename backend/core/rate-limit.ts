import rateLimit from '@fastify/rate-limit'
import type { RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyRequests } from '#backend/common/errors'
import type { App } from '#backend/core/app'
import type { Host } from '#backend/core/host'
import { type Kv, KvUnavailable } from '#backend/database/kv'
import { createMemoryKv } from '#backend/database/kv-memory'

type Increment = (error: Error | null, result?: { current: number; ttl: number }) => void

/**
 * Limits per client address on the routes that set `config.rateLimit`. The counters live in the key-value port, so all
 * processes share them; while it is away each process counts for itself.
 */
export const rateLimits = fp(
  async (app: App, { host }: { host: Host }) => {
    const spare = createMemoryKv({ max_entries: 50_000 })
    app.addHook('onClose', () => spare.close())
    await app.register(rateLimit, {
      global: false,
      keyGenerator: (request) => request.ctx.client.ip,
      store: createStore(host.kv, spare),
      errorResponseBuilder: (_request, context) =>
        new TooManyRequests('error.too_many_requests', {
          headers: { 'retry-after': String(Math.ceil(context.ttl / 1000)) },
        }),
    })
  },
  { name: 'rate-limits', dependencies: ['context'] },
)

/** The store class that @fastify/rate-limit instantiates, one instance per limited route. */
function createStore(kv: Kv, spare: Kv) {
  return class Store {
    constructor(readonly route: Partial<Pick<RouteOptions, 'method' | 'url'>> = {}) {}

    incr(key: string, callback: Increment, timeWindow: number): void {
      const { method, url } = this.route
      const counter = `rate:${String(method)} ${url ?? '*'}:${key}`
      count(counter, timeWindow).then(
        (result) => callback(null, result),
        (error: Error) => callback(error),
      )
    }

    child(route: RouteOptions & { path: string; prefix: string }): Store {
      return new Store(route)
    }
  }

  async function count(key: string, ttl_ms: number) {
    try {
      return toResult(await kv.incr(key, { ttl_ms }))
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error
      return toResult(await spare.incr(key, { ttl_ms }))
    }
  }
}

const toResult = ({ count, ttl_ms }: { count: number; ttl_ms: number }) => ({ current: count, ttl: ttl_ms })
