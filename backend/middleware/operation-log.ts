import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { cleanText } from '#backend/common/clean-text'
import { Unavailable } from '#backend/common/errors'
import type { Audit } from '#backend/core/audit/audit'
import type { AuditRecord } from '#backend/core/audit/record'
import { changesJson } from '#backend/core/changes'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { requestArgs, storable } from '#backend/middleware/request-args'
import { locateIp, type Place } from '#backend/utils/ip-location'
import { isApiUrl, pathOf } from '#backend/utils/request-facts'
import { parseUserAgent } from '#backend/utils/user-agent'

declare module 'fastify' {
  interface FastifyRequest {
    /** Code and message of the envelope, once it is known. */
    outcome: { code: unknown; msg: unknown } | undefined
    is_recorded: boolean
  }
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Records every request below /api in the operation log. Changes, refusals and sign-ins are answered once their record is
 * on disk; a change for whose record there is no room is not begun.
 */
export const operationLogHook = fp(
  async (app: FastifyInstance, { host: { audit } }: { host: Host }) => {
    app.decorateRequest('outcome', undefined)
    app.decorateRequest('is_recorded', false)
    if (audit === undefined) return
    app.addHook('onRequest', async (request) => {
      if (isChange(request) && isApi(request) && !audit.hasRoom()) throw new Unavailable('error.log_unavailable')
    })
    app.addHook('preSerialization', async (request, _reply, payload) => {
      const { code, msg } = (payload ?? {}) as { code?: unknown; msg?: unknown }
      request.outcome = { code, msg }
      return payload
    })
    app.addHook('onSend', async (request, reply, payload) => {
      if (isApi(request) && request.method !== 'OPTIONS' && !request.is_recorded) {
        request.is_recorded = true
        await record(audit, request, reply)
      }
      return payload
    })
  },
  { name: 'operation-log', dependencies: ['context', 'reply'] },
)

const isApi = ({ originalUrl }: FastifyRequest) => isApiUrl(originalUrl)
const isChange = ({ method }: FastifyRequest) => !READS.has(method)

async function record(audit: Audit, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const place = locateIp(request.ctx.client.ip)
  const entry = recordOf(request, reply, place instanceof Promise ? await place : place)
  const hasFailed = reply.statusCode >= 400
  if (!isChange(request) && !hasFailed) {
    void audit.append(entry, { lazy: true })
    return
  }
  try {
    await audit.append(entry)
  } catch (error) {
    // A refusal changes nothing and may be given; the log has counted it.
    if (hasFailed) return
    throw new Unavailable('error.log_unavailable', { cause: error })
  }
}

function recordOf(request: FastifyRequest, reply: FastifyReply, place: Place): AuditRecord {
  const { ctx, id, method, outcome, routeOptions, originalUrl } = request
  const { statusCode, elapsedTime } = reply
  const { user_agent, os, browser, device } = parseUserAgent(ctx.client.user_agent)
  const code = outcome?.code
  return {
    trace_id: id,
    username: ctx.actor.kind === 'user' ? cleanText(ctx.actor.username, 64) : null,
    method: cleanText(method, 32),
    title: cleanText(routeOptions.schema?.summary ?? '', 256),
    path: cleanText(pathOf(originalUrl), 512),
    ip: cleanText(ctx.client.ip, 64),
    country: place.country,
    region: place.region,
    city: place.city,
    user_agent: cleanText(user_agent, 512),
    os,
    browser,
    device,
    args: requestArgs(request),
    status: statusCode < 400 ? 1 : 0,
    code: String(typeof code === 'number' ? code : statusCode),
    msg: typeof outcome?.msg === 'string' ? cleanText(outcome.msg, 2000) : null,
    cost_time: Math.round(elapsedTime * 1000) / 1000,
    opera_time: new Date(Date.now() - elapsedTime).toISOString(),
    diff: diffOf(ctx),
  }
}

function diffOf({ changes }: Ctx): string | null {
  const diff = changesJson(changes)
  return diff === null ? null : storable(diff)
}
