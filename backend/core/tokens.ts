import jwt from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

export const ACCESS_TOKEN = 'access'
export const REFRESH_TOKEN = 'refresh'
export type TokenType = typeof ACCESS_TOKEN | typeof REFRESH_TOKEN

export interface Claims {
  user_id: number
  session_uuid: string
  /** Id of this very token. */
  jti: string
}

/** Signing and checking of both kinds of token. A token of one kind is never accepted as the other. */
export interface Tokens {
  sign(claims: Claims, type: TokenType, ttl_seconds: number): string
  /** The claims of a token that is ours, unexpired and of this type; else undefined. */
  verify(token: string, type: TokenType, options?: { ignore_expiration?: boolean }): Claims | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    tokens: Tokens
  }
}

const ISSUER = 'fba'
/** Processes whose clocks differ by less accept each other's tokens. */
const CLOCK_TOLERANCE_MS = 5000
const audienceOf = (type: TokenType) => `fba:${type}`

interface Payload {
  sub: string
  sid: string
  jti: string
  typ: string
  aud: string
  iss: string
}

export const tokensPlugin = fp(
  async (app: FastifyInstance, { secret }: { secret: string }) => {
    await app.register(jwt, {
      secret,
      sign: { algorithm: 'HS256', iss: ISSUER },
      verify: { algorithms: ['HS256'], allowedIss: ISSUER, clockTolerance: CLOCK_TOLERANCE_MS },
    })
    const tokens: Tokens = {
      sign({ user_id, session_uuid, jti }, type, ttl_seconds) {
        const payload = { sub: String(user_id), sid: session_uuid, jti, typ: type, aud: audienceOf(type) }
        return app.jwt.sign(payload, { expiresIn: ttl_seconds * 1000 })
      },
      verify(token, type, { ignore_expiration = false } = {}) {
        try {
          const payload = app.jwt.verify<Payload>(token, {
            algorithms: ['HS256'],
            allowedIss: ISSUER,
            allowedAud: audienceOf(type),
            clockTolerance: CLOCK_TOLERANCE_MS,
            ignoreExpiration: ignore_expiration,
          })
          const user_id = Number(payload.sub)
          const complete = payload.typ === type && Number.isSafeInteger(user_id) && payload.sid && payload.jti
          return complete ? { user_id, session_uuid: payload.sid, jti: payload.jti } : undefined
        } catch {
          return undefined
        }
      },
    }
    app.decorate('tokens', tokens)
  },
  { name: 'tokens' },
)

/** The token of an Authorization header. */
export function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(\S{1,4096})$/i.exec(header)?.[1]
}
