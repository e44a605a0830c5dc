import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import {
  AccessToken,
  Captcha,
  Credentials,
  Login,
  LoginToken,
  SwaggerToken,
} from '#backend/app/admin/schema/auth.schema'
import * as authService from '#backend/app/admin/service/auth.service'
import * as captchaService from '#backend/app/admin/service/captcha.service'
import type { OpenSession } from '#backend/app/admin/service/session.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { BadRequest, Unauthenticated } from '#backend/common/errors'
import type { App } from '#backend/core/app'
import { ACCESS_TOKEN, bearerOf, REFRESH_TOKEN } from '#backend/core/tokens'
import { wireTimeOf } from '#backend/utils/wire-time'

const tags = ['Sign-in']
/** Counted once the body is read, so that the log says whose name was tried. */
const LOGIN_LIMIT = { max: 5, timeWindow: 60_000, hook: 'preValidation' as const }
const CAPTCHA_LIMIT = { max: 5, timeWindow: 30_000 }
const REFRESH_COOKIE = 'fba_refresh_token'
const REFRESH_PATH = '/api/v1/auth/refresh'

export async function authApi(app: App): Promise<void> {
  app.get(
    '/captcha',
    {
      config: { access: 'public', rateLimit: CAPTCHA_LIMIT },
      schema: { summary: 'Get a captcha', tags, response: { 200: envelope(Captcha) } },
    },
    async ({ ctx }) => ok(await captchaService.create(ctx)),
  )

  app.post(
    '/login',
    {
      config: { access: 'public', rateLimit: LOGIN_LIMIT },
      schema: { summary: 'Sign in', tags, body: Login, response: { 200: envelope(LoginToken) } },
      onSend: recordTurnedAway,
    },
    async (request, reply) => {
      const { session, ...rest } = await authService.login(request.ctx, request.body)
      setRefreshCookie(app, request, reply, session)
      return ok({ ...accessToken(app, request, session), ...rest }, 'login.success')
    },
  )

  app.post(
    '/refresh',
    {
      config: { access: 'public' },
      schema: {
        summary: 'Exchange the refresh token in the cookie for new tokens',
        tags,
        response: { 200: envelope(AccessToken) },
      },
    },
    async (request, reply) => {
      const token = request.cookies[REFRESH_COOKIE]
      if (token === undefined || token === '') throw new BadRequest('auth.refresh_missing')
      const claims = app.tokens.verify(token, REFRESH_TOKEN)
      if (claims === undefined) throw new Unauthenticated('auth.refresh_invalid')
      // For the operation log: the token says whose session it is, also where it is refused.
      request.ctx = await authService.asOwner(request.ctx, claims)
      const session = await authService.refresh(request.ctx, claims)
      setRefreshCookie(app, request, reply, session)
      return ok(accessToken(app, request, session))
    },
  )

  app.post(
    '/logout',
    {
      config: { access: 'public' },
      schema: { summary: 'Sign out; without a session it does nothing', tags, response: { 200: Done } },
    },
    async (request, reply) => {
      const token = bearerOf(request.headers.authorization)
      const claims =
        token === undefined ? undefined : app.tokens.verify(token, ACCESS_TOKEN, { ignore_expiration: true })
      if (claims !== undefined) {
        request.ctx = await authService.asOwner(request.ctx, claims)
        await authService.logout(request.ctx, claims.session_uuid)
      }
      reply.clearCookie(REFRESH_COOKIE, { path: REFRESH_PATH })
      return ok(null, 'logout.success')
    },
  )

  app.get(
    '/codes',
    {
      config: { access: 'signed-in' },
      schema: {
        summary: 'Permission codes of the signed-in user',
        tags,
        response: { 200: envelope(z.array(z.string())) },
      },
    },
    async ({ ctx }) => ok(await authService.codes(ctx)),
  )
}

/** What was refused before the service looked at it, or what there was no time for, is an attempt too. */
async function recordTurnedAway(request: FastifyRequest, { statusCode }: FastifyReply): Promise<void> {
  const status = turnedAwayWith(request, statusCode)
  if (status !== undefined) await authService.recordTurnedAway(request.ctx, usernameIn(request.body), status)
}

/** By the limit, the validation, or for want of time; undefined: the service has recorded it. */
function turnedAwayWith({ body, headers }: FastifyRequest, status: number): 422 | 429 | 503 | undefined {
  if (status === 422 || status === 429) return status
  // Without a body: while the operation log takes no changes, nobody has looked at what was sent.
  if (status === 503) return body === undefined ? undefined : status
  const was_sent = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
  // Sent, but not to be read: too large, of another type, or broken.
  return was_sent && body === undefined && status >= 400 && status < 500 ? 422 : undefined
}

function usernameIn(body: unknown): string {
  const username = (body as { username?: unknown } | null | undefined)?.username
  return typeof username === 'string' ? username : ''
}

/** Sign-in of the documentation page: for development, never part of a production server. */
export async function docsLoginApi(app: App): Promise<void> {
  app.post(
    '/login/swagger',
    {
      config: { access: 'public', rateLimit: LOGIN_LIMIT },
      schema: {
        summary: 'Sign in from the documentation page, by form or HTTP Basic',
        description: 'Only outside production. Credentials in the query string are not read.',
        tags,
        consumes: ['application/x-www-form-urlencoded'],
        body: Credentials.partial().nullish(),
        response: { 200: SwaggerToken },
      },
      onSend: recordTurnedAway,
    },
    async (request) => {
      const given = { ...basicCredentials(request), ...request.body }
      const credentials = Credentials.safeParse(given)
      if (!credentials.success) {
        await authService.recordTurnedAway(request.ctx, usernameIn(given), 422)
        throw new BadRequest('auth.login_failed')
      }
      const { session, user } = await authService.loginForDocs(request.ctx, credentials.data)
      return { access_token: accessToken(app, request, session).access_token, token_type: 'Bearer', user }
    },
  )
}

function basicCredentials({ headers }: FastifyRequest): { username: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]{1,1024})$/i.exec(headers.authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const [username = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return { username, password: password.join(':') }
}

/** Signs an access token that outlives neither its own time nor the session. */
function accessToken(app: App, { ctx }: FastifyRequest, session: OpenSession) {
  const { user_id, session_uuid, refresh_jti } = session
  const { issued_at, ttl } = timesOf(session, ctx.config.TOKEN_EXPIRE_SECONDS)
  const jti = ctx.hmac(`access:${session_uuid}:${refresh_jti}`)
  return {
    access_token: app.tokens.sign({ user_id, session_uuid, jti }, ACCESS_TOKEN, { issued_at, ttl }),
    access_token_expire_time: wireTimeOf(new Date((issued_at + ttl) * 1000), ctx.config.DATETIME_TIMEZONE),
    session_uuid,
  }
}

function setRefreshCookie(app: App, { ctx }: FastifyRequest, reply: FastifyReply, session: OpenSession): void {
  const { user_id, session_uuid, refresh_jti } = session
  const { issued_at, ttl } = timesOf(session, Number.POSITIVE_INFINITY)
  const token = app.tokens.sign({ user_id, session_uuid, jti: refresh_jti }, REFRESH_TOKEN, { issued_at, ttl })
  reply.setCookie(REFRESH_COOKIE, token, {
    path: REFRESH_PATH,
    httpOnly: true,
    sameSite: 'lax',
    secure: ctx.config.NODE_ENV === 'production',
    maxAge: ttl,
  })
}

/** In seconds: when the tokens of an exchange were issued, and how long they live, at most until the session ends. */
function timesOf({ issued_at, expires_at }: OpenSession, ttl_max: number): { issued_at: number; ttl: number } {
  const left = Math.max(1, Math.floor((expires_at - issued_at) / 1000))
  return { issued_at: Math.floor(issued_at / 1000), ttl: Math.min(ttl_max, left) }
}
