import swaggerUi from '@fastify/swagger-ui'
import type { App } from '#backend/core/app'

/** The documentation page at /docs, all of its assets served from here, and the document itself at /openapi. */
export async function docs(app: App): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' }
    route.schema = { ...route.schema, hide: true }
  })
  app.get('/openapi', async (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())))
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { persistAuthorization: false, tryItOutEnabled: true, docExpansion: 'none', filter: true },
    initOAuth: { clientId: 'docs' },
  })
}
