import swaggerUi from '@fastify/swagger-ui'
import type { App } from '#backend/core/app'

/** Only what is served from here: no address of another host, and no upgrade to https, which may not be spoken here. */
const CONTENT_SECURITY_POLICY = {
  'default-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
}

/** The documentation page at /docs, all of its assets served from here, and the document itself at /openapi. */
export async function docs(app: App): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' }
    route.schema = { ...route.schema, hide: true }
  })
  app.get('/openapi', async (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())))
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: 'API documentation' },
    uiConfig: {
      layout: 'BaseLayout',
      persistAuthorization: false,
      tryItOutEnabled: true,
      docExpansion: 'none',
      filter: true,
      displayRequestDuration: true,
    },
    initOAuth: { clientId: 'docs' },
  })
}
