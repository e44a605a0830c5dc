import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { BadRequest, MethodNotAllowed, NotFound, Refusal, Unprocessable } from '#backend/common/errors'
import type { DisabledPlugin } from '#backend/core/plugin/parts'
import { urlMatches } from '#backend/core/plugin/route-pattern'
import { disabledRoutes } from '#backend/core/plugin/routes'
import { type ErrorDetail, errorDetails, ValidationFailed } from '#backend/core/validator'
import { KvUnavailable } from '#backend/database/kv'
import { isConnectionError, pgError } from '#backend/database/pg-error'
import { isMessageKey, type MessageKey, type MessageParams, translate } from '#backend/locale/translate'
import { pathOf } from '#backend/utils/request-facts'

interface Answer {
  status: number
  code?: number
  key: MessageKey
  params?: MessageParams
  data?: unknown
  headers?: Record<string, string>
}

/** Where a request is sent whose URL cannot be decoded, so that it is answered and recorded like any other. */
const MALFORMED_PATH = '/malformed-url'

/** For Fastify's `rewriteUrl`. */
export function routableUrl(url: string): string {
  if (!url.includes('%')) return url
  try {
    decodeURI(pathOf(url))
    return url
  } catch {
    return MALFORMED_PATH
  }
}

/** Translates messages on the way out and turns everything that is thrown into the envelope, here and nowhere else. */
export const replyHook = fp(
  async (app: FastifyInstance, { disabled }: { disabled: readonly DisabledPlugin[] }) => {
    const disabledPlugin = disabledRoutes(disabled)
    const patterns = methodsByPattern(app)
    app.addHook('preSerialization', async (request, _reply, payload) => {
      const body = payload as { msg?: unknown } | null
      if (body === null || typeof body.msg !== 'string' || !isMessageKey(body.msg)) return payload
      return { ...body, msg: translate(request.ctx.locale, body.msg) }
    })
    app.setErrorHandler((error: FastifyError, request, reply) => send(request, reply, answerTo(error, request)))
    app.all(MALFORMED_PATH, { config: { access: 'public' }, schema: { hide: true } }, async () => {
      throw new BadRequest('error.malformed')
    })
    app.setNotFoundHandler((request, reply) => {
      const plugin = disabledPlugin(request.method, request.url)
      if (plugin !== undefined)
        return send(request, reply, answerTo(new NotFound('plugin.disabled', { params: { plugin } }), request))
      const allowed = patterns(request.url)
      const refusal =
        allowed.length === 0
          ? new NotFound('error.no_such_path')
          : new MethodNotAllowed('error.method_not_allowed', { headers: { allow: allowed.join(', ') } })
      return send(request, reply, answerTo(refusal, request))
    })
  },
  { name: 'reply', dependencies: ['context'] },
)

function send(request: FastifyRequest, reply: FastifyReply, answer: Answer) {
  // A request that failed before its context was made (a malformed URL) still gets the envelope.
  const locale = request.ctx?.locale ?? 'zh-CN'
  return reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .type('application/json; charset=utf-8')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({
      code: answer.code ?? answer.status,
      msg: translate(locale, answer.key, answer.params),
      data: answer.data ?? null,
      trace_id: request.id,
    })
}

const RETRY_SOON = { 'retry-after': '1' }

function answerTo(error: FastifyError | Error, request: FastifyRequest): Answer {
  if (error instanceof Refusal) return refused(error, request)
  if (error instanceof ValidationFailed) return invalid(errorDetails(error, request.ctx.locale), request)
  // Whoever leaves in the middle of what they send has lost no connection of ours.
  if (request.raw.readableAborted && !request.raw.complete) return { status: 400, key: 'error.malformed' }
  const known = fromDependency(error) ?? fromFastify(error as FastifyError)
  if (known !== undefined) {
    if (known.status >= 500) request.log.error({ err: error }, 'a dependency failed')
    return known
  }
  request.log.error({ err: error }, 'unexpected error')
  return { status: 500, key: 'error.internal' }
}

function refused(error: Refusal, request: FastifyRequest): Answer {
  if (error instanceof Unprocessable) {
    const { locale } = request.ctx
    const details = error.problems.map(({ loc, type, key, params, input = null }) => ({
      type,
      loc,
      msg: translate(locale, key, params),
      input,
    }))
    return invalid(details, request)
  }
  const { status, code, key, params, data, headers } = error
  return {
    status,
    ...(code === undefined ? {} : { code }),
    key,
    params,
    data,
    headers: status === 503 ? { ...RETRY_SOON, ...headers } : headers,
  }
}

function invalid(errors: ErrorDetail[], { ctx }: FastifyRequest): Answer {
  const first = errors[0]
  const where = first === undefined ? '' : first.loc.slice(1).join('.')
  const detail = first === undefined ? '' : `${where === '' ? '' : `${where} `}${first.msg}`
  return {
    status: 422,
    key: detail === '' ? 'error.validation' : 'error.validation_detail',
    params: { detail, locale: ctx.locale },
    data: { errors },
  }
}

/** What a store says that is the client's fault, or that it is away. */
function fromDependency(error: Error): Answer | undefined {
  if (error instanceof KvUnavailable || isConnectionError(error))
    return { status: 503, key: 'error.unavailable', headers: RETRY_SOON }
  const sqlstate: string = pgError(error)?.code ?? ''
  switch (sqlstate) {
    case '23505':
      return { status: 409, key: 'error.conflict' }
    case '23503': // a foreign key: the product's tables have none, those of plugins may
      return { status: 409, key: 'error.referenced' }
    case '22021': // a character that the encoding does not have
    case '22P05':
    case '22001': // longer than the column
    case '22003': // beyond the range of the column
    case '22007': // not a date
    case '22008':
      return { status: 422, key: 'error.validation' }
    case '40001': // serialization failure
    case '40P01': // deadlock
    case '55P03': // lock not available
    case '57014': // statement timeout
      return { status: 503, key: 'error.unavailable', headers: RETRY_SOON }
    default:
      return undefined
  }
}

/** Fastify's own refusals: malformed JSON, a body that is too large, an unknown media type, a malformed URL. */
function fromFastify(error: FastifyError): Answer | undefined {
  const status: number = error.statusCode ?? 500
  switch (status) {
    case 413:
      return { status: 413, key: 'error.too_large' }
    case 415:
      return { status: 415, key: 'error.media_type' }
    case 429:
      return { status: 429, key: 'error.too_many_requests' }
    case 400:
      return { status: 400, key: 'error.malformed' }
    case 404:
      return { status: 404, key: 'error.no_such_path' }
    default:
      return undefined
  }
}

/** The methods that a path would answer, for 405 and its Allow header. */
function methodsByPattern(app: FastifyInstance): (url: string) => string[] {
  const patterns = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ method, url }) => {
    if (url.includes('*')) return
    const known = patterns.get(url) ?? new Set()
    for (const one of [method].flat()) known.add(one)
    patterns.set(url, known)
  })
  return (url) => {
    const path = pathOf(url)
    const methods = [...patterns].flatMap(([pattern, known]) => (urlMatches(pattern, path) ? [...known] : []))
    return [...new Set(methods)].sort()
  }
}
