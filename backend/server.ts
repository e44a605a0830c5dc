import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { admin } from '#backend/app/admin/app'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import { docs } from '#backend/core/docs'
import { health } from '#backend/core/health'
import type { Host } from '#backend/core/host'
import { openapi } from '#backend/core/openapi'
import { type PluginSet, partsOf } from '#backend/core/plugin/parts'
import { pluginRoutes } from '#backend/core/plugin/routes'
import { rateLimits } from '#backend/core/rate-limit'
import { zodSerializer } from '#backend/core/serializer'
import { tokensPlugin } from '#backend/core/tokens'
import { zodValidator } from '#backend/core/validator'
import { joinMessages } from '#backend/locale/translate'
import { accessHook } from '#backend/middleware/access'
import { contextHook } from '#backend/middleware/context'
import { operationLogHook } from '#backend/middleware/operation-log'
import { replyHook, routableUrl } from '#backend/middleware/reply'
import { traceIdOf } from '#backend/utils/request-facts'

/** The applications of the product, in the order in which their routes are registered. */
export const APPS: readonly AppModule[] = [admin]

/** Builds one instance of the application on a host; it answers once `ready()` has resolved, and listens nowhere. */
export async function buildApp(
  host: Host,
  apps: readonly AppModule[] = APPS,
  set: PluginSet = host.set(),
): Promise<App> {
  const { config } = host
  const loggerInstance: FastifyBaseLogger = host.log
  const app: App = fastify({
    loggerInstance,
    // One line a request, written by the context hook when it has been answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.BODY_LIMIT_BYTES,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: ({ headers }) => traceIdOf(headers),
    rewriteUrl: ({ url = '/' }) => routableUrl(url),
    // A parameter of any length is for its schema to refuse; Fastify's own limit answers without the envelope.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 65_536 },
  })
  try {
    await furnish(app, host, apps, set)
  } catch (error) {
    await app.close()
    throw error
  }
  return app
}

async function furnish(app: App, host: Host, apps: readonly AppModule[], set: PluginSet): Promise<void> {
  const { config } = host
  app.setValidatorCompiler(zodValidator)
  app.setSerializerCompiler(zodSerializer)
  acceptEmptyJson(app)

  app.decorate('pluginRoutes', new Map())
  joinTexts(app, set)
  await app.register(contextHook, { host, parts: partsOf(apps, set) })
  await app.register(replyHook, { disabled: set.disabled })
  await app.register(operationLogHook, { host })
  await app.register(helmet, { contentSecurityPolicy: false })
  if (config.CORS_ORIGINS.length > 0) await app.register(cors, corsOptions(config.CORS_ORIGINS))
  await app.register(cookie)
  await app.register(formbody)
  await app.register(tokensPlugin, { secret: host.token_secret })
  await app.register(accessHook, { host })
  await app.register(rateLimits, { host })
  await app.register(openapi)
  if (config.DOCS_ENABLED) await app.register(docs)
  await app.register(health, { host })
  for (const { api } of apps) await app.register((scope: App) => api(scope, config), { prefix: '/api/v1' })
  await app.register(pluginRoutes, { config, apps, set })
}

/** The messages of the plugins in use are there as long as the instance is. */
function joinTexts(app: App, { enabled }: PluginSet): void {
  for (const { definition } of enabled) {
    if (definition.translations === undefined) continue
    const leave = joinMessages(definition.translations)
    app.addHook('onClose', async () => leave())
  }
}

function corsOptions(origins: readonly string[]) {
  return {
    origin: origins.includes('*') ? true : [...origins],
    credentials: !origins.includes('*'),
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    exposedHeaders: ['X-Request-ID'],
    maxAge: 600,
  }
}

/** Clients send `Content-Type: application/json` with nothing behind it on calls without a body. */
function acceptEmptyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined)
    return parse(request, body as string, done)
  })
}
