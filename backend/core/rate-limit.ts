import rateLimit from '@fastify/rate-limit'
import type { RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { TooManyRequests } from '#backend/common/errors'
import type { App } from '#backend/core/app'
import type { Host } from '#backend/core/host'
import type { Counters } from '#backend/database/kv-counters'

type Increment = (error: Error | null, result?: { current: number; ttl: number }) => void

/**
 * Limits per client address on the routes that set `config.rateLimit`. The counters outlive the instance, so a new one
 * forgives nobody.
 */
export const rateLimits = fp(
  async (app: App, { host }: { host: Host }) => {
    await app.register(rateLimit, {
      global: false,
      keyGenerator: (request) => request.ctx.client.ip,
      store: createStore(host.shared.counters),
      errorResponseBuilder: (_request, context) =>
        new TooManyRequests('error.too_many_requests', {
          headers: { 'retry-after': String(Math.ceil(context.ttl / 1000)) },
        }),
    })
  },
  { name: 'rate-limits', dependencies: ['context'] },
)

/** The store class that @fastify/rate-limit instantiates, one instance per limited route. */
function createStore(counters: Counters) {
  return class Store {
    constructor(readonly route: Partial<Pick<RouteOptions, 'method' | 'url'>> = {}) {}

    incr(key: string, callback: Increment, timeWindow: number): void {
      const { method, url } = this.route
      counters.incr(`rate:${String(method)} ${url ?? '*'}:${key}`, { ttl_ms: timeWindow }).then(
        ({ count, ttl_ms }) => callback(null, { current: count, ttl: ttl_ms }),
        (error: Error) => callback(error),
      )
    }

    child(route: RouteOptions & { path: string; prefix: string }): Store {
      return new Store(route)
    }
  }
}
