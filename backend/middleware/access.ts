import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Forbidden, Unauthenticated } from '#backend/common/errors'
import { type Actor, holds } from '#backend/core/actor'
import type { Host } from '#backend/core/host'
import { ACCESS_TOKEN, bearerOf, type Claims } from '#backend/core/tokens'

/**
 * Who may call a route. Of several codes any one is enough. With `own` the guard lets in anybody signed in, and the
 * service must keep whoever does not hold the codes to what is their own.
 */
export type Access =
  | 'public'
  | 'signed-in'
  | 'superuser'
  | { readonly permission: string | readonly string[]; readonly own?: true }

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyInstance {
    routeAccess: RouteAccess[]
  }
}

export interface RouteAccess {
  method: string
  url: string
  access: Access
  summary: string
}

/** The codes that open a route; none for the three named levels. */
export function codesOf(access: Access): readonly string[] {
  if (typeof access === 'string') return []
  return typeof access.permission === 'string' ? [access.permission] : access.permission
}

/**
 * The guard of every route, before its body is read. A route that says nothing of access, or that has no response
 * schema, stops the boot; at run time such a route is refused.
 */
export const accessHook = fp(
  async (app: FastifyInstance, { host }: { host: Host }) => {
    const routes: RouteOptions[] = []
    app.decorate('routeAccess', [])
    app.addHook('onRoute', (route) => {
      routes.push(route)
    })
    app.addHook('onReady', async () => {
      const faults = routes.map(faultOf).filter((fault) => fault !== undefined)
      if (faults.length > 0) throw new Error(`Routes without a guard or a response schema:\n${faults.join('\n')}`)
      app.routeAccess.push(...routes.flatMap(describe))
    })
    app.addHook('onRequest', async (request) => {
      if (request.is404) return
      const { access } = request.routeOptions.config
      if (access === 'public') return
      const actor = await actorOf(app, host, request)
      request.ctx = { ...request.ctx, actor }
      if (!mayCall(actor, access, request.method)) throw new Forbidden('error.forbidden')
    })
  },
  { name: 'access', dependencies: ['context', 'tokens'] },
)

/** Why a route may not be served, if so. */
export function faultOf(route: RouteOptions): string | undefined {
  const name = `${String(route.method)} ${route.url}`
  const access = route.config?.access
  if (access === undefined) return `${name}: no config.access`
  if (typeof access === 'object' && codesOf(access).length === 0) return `${name}: an empty list of permissions`
  if (route.schema?.hide === true) return undefined
  if (route.schema?.summary === undefined) return `${name}: no summary`
  if (route.schema.response === undefined) return `${name}: no response schema`
  return undefined
}

/** What is said of a route, a line for each of its methods. */
export function describe(route: RouteOptions): RouteAccess[] {
  const { config, schema, url } = route
  if (config?.access === undefined) return []
  const { access } = config
  return [route.method].flat().map((method) => ({ method, url, access, summary: schema?.summary ?? '' }))
}

async function actorOf(app: FastifyInstance, host: Host, request: FastifyRequest): Promise<Actor> {
  const token = bearerOf(request.headers.authorization)
  if (token === undefined) throw new Unauthenticated('error.unauthenticated')
  const claims: Claims | undefined = app.tokens.verify(token, ACCESS_TOKEN)
  if (claims === undefined) throw new Unauthenticated('error.token_invalid')
  const actor = await host.actors.get(claims.session_uuid, claims.user_id)
  if (actor === null || actor.session_expires_at <= Date.now()) throw new Unauthenticated('error.session_ended')
  host.activity.note(claims.session_uuid)
  return actor
}

/** Superusers pass; who is not staff may only read what a permission guards; no declared access lets nobody in. */
export function mayCall(actor: Actor, access: Access | undefined, method: string): boolean {
  if (access === undefined || actor.kind === 'anonymous') return access === 'public'
  if (access === 'public' || access === 'signed-in' || actor.is_superuser) return true
  if (access === 'superuser') return false
  return access.own === true || holds(actor, codesOf(access), method)
}
