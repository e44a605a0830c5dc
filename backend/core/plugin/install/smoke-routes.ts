import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import fastify, { type RouteOptions } from 'fastify'
import type { App } from '#backend/core/app'
import { parseConfig } from '#backend/core/config'
import { openapi } from '#backend/core/openapi'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import type { SmokeReport } from '#backend/core/plugin/install/smoke-report'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import { zodSerializer } from '#backend/core/serializer'
import { tokensPlugin } from '#backend/core/tokens'
import { zodValidator } from '#backend/core/validator'
import { codesOf, describe, faultOf } from '#backend/middleware/access'

export interface Registered {
  app: App
  routes: SmokeReport['routes']
  /** Routes that say nothing of access or of their answer. */
  faults: string[]
}

/** Settings by their defaults: none of the product's secrets, and a database that nobody can connect to. */
const CONFIG = parseConfig({
  DATABASE_URL: 'postgres://127.0.0.1:1/none',
  TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
  LOG_LEVEL: 'silent',
})

/** Registers a plugin's routes as the product does, on an instance that answers nobody, and compiles their schemas. */
export async function registerRoutes(manifest: PluginManifest, definition: PluginDefinition): Promise<Registered> {
  const app: App = fastify({ logger: false, routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 } })
  app.setValidatorCompiler(zodValidator)
  app.setSerializerCompiler(zodSerializer)
  app.decorateRequest('ctx')
  await app.register(cookie)
  await app.register(formbody)
  await app.register(tokensPlugin, { secret: randomBytes(32).toString('hex') })
  await app.register(openapi)
  const found: RouteOptions[] = []
  const settings = Object.fromEntries(Object.entries(manifest.settings).map(([name, one]) => [name, one.default]))
  await app.register(
    async (scope: App) => {
      scope.addHook('onRoute', (route) => {
        found.push(route)
      })
      await definition.api?.(scope, { config: CONFIG, settings })
    },
    { prefix: manifest.extends === undefined ? `/api/v1/${manifest.name}` : '/api/v1' },
  )
  await app.ready()
  const faults = found.map(faultOf).filter((fault) => fault !== undefined)
  if (faults.length === 0) app.swagger()
  const routes = found
    .flatMap(describe)
    .map(({ method, url, access }) => ({ method, url, permissions: [...codesOf(access)] }))
  return { app, routes, faults }
}
