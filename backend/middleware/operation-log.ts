import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Unavailable } from '#backend/common/errors'
import type { Audit } from '#backend/core/audit/audit'
import type { AuditRecord } from '#backend/core/audit/record'
import { type Answered, requestRecord } from '#backend/core/audit/request-record'
import { changesJson } from '#backend/core/changes'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { requestArgs, storable } from '#backend/middleware/request-args'
import { isApiUrl } from '#backend/utils/request-facts'

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
    app.addHook('onRequest', (request, _reply, done) => {
      const isRefused = isChange(request) && isApi(request) && !audit.hasRoom()
      done(isRefused ? new Unavailable('error.log_unavailable') : undefined)
    })
    app.addHook('preSerialization', (request, _reply, payload, done) => {
      const { code, msg } = (payload ?? {}) as { code?: unknown; msg?: unknown }
      request.outcome = { code, msg }
      done(null, payload)
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      const isKept = isApi(request) && request.method !== 'OPTIONS' && !request.is_recorded
      if (isKept) request.is_recorded = true
      const recording = isKept ? record(audit, request, reply) : undefined
      // A promise for each answer is not free, and reads wait for nothing. `done` after one would let what fails later go unhandled.
      if (recording !== undefined) return recording.then(() => payload)
      done(null, payload)
    })
  },
  { name: 'operation-log', dependencies: ['context', 'reply'] },
)

/** The route that was found says it for certain; what has none, or cannot be decoded, by its spelling. */
const isApi = ({ originalUrl, routeOptions }: FastifyRequest) =>
  isApiUrl(originalUrl) || routeOptions.url?.startsWith('/api/') === true
const isChange = ({ method }: FastifyRequest) => !READS.has(method)

/** A promise where the answer has to wait. */
function record(audit: Audit, request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
  const made = requestRecord(answeredOf(request, reply))
  const hasFailed = reply.statusCode >= 400
  const store = (entry: AuditRecord) => {
    if (isChange(request) || hasFailed) return append(audit, entry, hasFailed)
    audit.note(entry)
    return undefined
  }
  return made instanceof Promise ? made.then(store) : store(made)
}

async function append(audit: Audit, entry: AuditRecord, hasFailed: boolean): Promise<void> {
  try {
    await audit.append(entry)
  } catch (error) {
    // A refusal changes nothing and may be given; the log has counted it.
    if (hasFailed) return
    throw new Unavailable('error.log_unavailable', { cause: error })
  }
}

function answeredOf(request: FastifyRequest, { statusCode, elapsedTime }: FastifyReply): Answered {
  const { ctx, id, method, outcome, routeOptions, originalUrl } = request
  return {
    trace_id: id,
    username: ctx.actor.kind === 'user' ? ctx.actor.username : null,
    method,
    url: originalUrl,
    title: routeOptions.schema?.summary ?? '',
    client: ctx.client,
    args: requestArgs(request),
    http_status: statusCode,
    code: typeof outcome?.code === 'number' ? outcome.code : undefined,
    msg: typeof outcome?.msg === 'string' ? outcome.msg : null,
    cost_ms: elapsedTime,
    diff: diffOf(ctx),
  }
}

function diffOf({ changes }: Ctx): string | null {
  const diff = changesJson(changes)
  return diff === null ? null : storable(diff)
}
