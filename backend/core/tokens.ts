import jwt, { type JWT } from '@fastify/jwt'
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
  /** Times in seconds. The same arguments give the same token. */
  sign(claims: Claims, type: TokenType, times: { issued_at: number; ttl: number }): string
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
}

export const tokensPlugin = fp(
  async (app: FastifyInstance, { secret }: { secret: string }) => {
    // One registration a kind: signer and verifier are then made once, not at each call.
    for (const type of [ACCESS_TOKEN, REFRESH_TOKEN] as const)
      await app.register(jwt, {
        secret,
        namespace: type,
        sign: { algorithm: 'HS256', iss: ISSUER, aud: audienceOf(type) },
        verify: verifyOptions(type),
      })
    const { jwt: byType } = app as unknown as { jwt: Record<TokenType, JWT> }
    app.decorate('tokens', {
      sign({ user_id, session_uuid, jti }, type, { issued_at, ttl }) {
        const payload = {
          sub: String(user_id),
          sid: session_uuid,
          jti,
          typ: type,
          iat: issued_at,
          exp: issued_at + ttl,
        }
        return byType[type].sign(payload)
      },
      verify(token, type, { ignore_expiration = false } = {}) {
        try {
          const options = { ...verifyOptions(type), ignoreExpiration: true }
          return claimsOf(ignore_expiration ? byType[type].verify(token, options) : byType[type].verify(token), type)
        } catch {
          return undefined
        }
      },
    } satisfies Tokens)
  },
  { name: 'tokens' },
)

function verifyOptions(type: TokenType) {
  return {
    algorithms: ['HS256' as const],
    allowedIss: ISSUER,
    allowedAud: audienceOf(type),
    clockTolerance: CLOCK_TOLERANCE_MS,
  }
}

function claimsOf({ sub, sid, jti, typ }: Payload, type: TokenType): Claims | undefined {
  const user_id = Number(sub)
  const complete = typ === type && Number.isSafeInteger(user_id) && sid && jti
  return complete ? { user_id, session_uuid: sid, jti } : undefined
}

/** The token of an Authorization header. */
export function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(\S{1,4096})$/i.exec(header)?.[1]
}
