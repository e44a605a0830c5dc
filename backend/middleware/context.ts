import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { BadRequest } from '#backend/common/errors'
import { ANONYMOUS } from '#backend/core/actor'
import { type Ctx, newCtx, type SetParts } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { negotiateLocale } from '#backend/locale/translate'
import { clientOf, pathOf } from '#backend/utils/request-facts'

declare module 'fastify' {
  interface FastifyRequest {
    ctx: Ctx
  }
}

/** Gives every request its context: trace id, client address, language, and nobody as the actor. */
export const contextHook = fp(
  async (app: FastifyInstance, { host, parts }: { host: Host; parts: SetParts }) => {
    app.decorateRequest('ctx')
    app.addHook('onRequest', async (request, reply) => {
      request.ctx = contextOf(request, host, parts)
      reply.header('x-request-id', request.id)
      // RFC 9112, 3.2.
      if (request.headers.host === undefined && request.raw.httpVersion === '1.1')
        throw new BadRequest('error.malformed')
    })
    app.addHook('onResponse', async ({ log, method, url, ctx }, { statusCode, elapsedTime }) => {
      log.info(
        // Without the query, which may hold what nobody should read here.
        { method, path: pathOf(url), status: statusCode, ip: ctx?.client.ip, ms: Math.round(elapsedTime * 10) / 10 },
        'request',
      )
    })
  },
  { name: 'context' },
)

function contextOf(request: FastifyRequest, host: Host, parts: SetParts): Ctx {
  return newCtx(host.shared, parts, {
    log: request.log,
    locale: negotiateLocale(request.headers['accept-language'], host.config.I18N_DEFAULT_LANGUAGE),
    actor: ANONYMOUS,
    client: clientOf(request, host.trusted_proxies),
    trace_id: request.id,
  })
}
