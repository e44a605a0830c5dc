import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import fp from 'fastify-plugin'
import type { OpenAPIV3_1 } from 'openapi-types'
import type { App } from '#backend/core/app'
import { routeSchemas, withComponents } from '#backend/core/openapi-schemas'
import { type Access, codesOf } from '#backend/middleware/access'

declare module 'fastify' {
  interface FastifySchema {
    'x-permission'?: readonly string[]
  }
}

type Document = ReturnType<NonNullable<FastifyDynamicSwaggerOptions['transformObject']>>
const VERSION = '1.0.0'

const problem = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

/** Collects the routes into an OpenAPI 3.1 document; guards and failures come from each route's own declaration. */
export const openapi = fp(
  async (app: App) => {
    const options: FastifyDynamicSwaggerOptions = {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Fastify Best Architecture',
          description:
            'Every answer is `{ code, msg, data }`; a failure adds `trace_id`, which is also in `X-Request-ID`.',
          version: VERSION,
        },
        components: {
          securitySchemes: {
            password: {
              type: 'oauth2',
              description: 'User name and password; the fields of the client stay as they are.',
              flows: { password: { tokenUrl: '/api/v1/auth/login/swagger', scopes: {} } },
            },
            bearer: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description: 'An access token of POST /auth/login',
            },
          },
          schemas: { Problem: PROBLEM, ValidationProblem: VALIDATION_PROBLEM },
        },
      },
      transform: (input) => {
        const { schema, url } = routeSchemas(input)
        const access = input.route.config?.access
        return { url, schema: access === undefined ? schema : documented(schema, access) }
      },
      transformObject: (document) =>
        'openapiObject' in document
          ? (withComponents(withProblems(document.openapiObject as OpenApi)) as Document)
          : document.swaggerObject,
    }
    await app.register(swagger, options)
  },
  { name: 'openapi' },
)

const PROBLEM: OpenAPIV3_1.SchemaObject = {
  type: 'object',
  description: 'A failure',
  required: ['code', 'msg', 'data', 'trace_id'],
  properties: {
    code: { type: 'integer', description: 'HTTP status, or a business code that says more' },
    msg: { type: 'string', description: 'Text for the user, in the language of Accept-Language' },
    data: { description: 'Details, or null' },
    trace_id: { type: 'string', description: 'Id of the request' },
  },
}

const VALIDATION_PROBLEM: OpenAPIV3_1.SchemaObject = {
  ...PROBLEM,
  description: 'A request that does not fit',
  properties: {
    ...PROBLEM.properties,
    data: {
      type: 'object',
      properties: {
        errors: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: { type: 'string', description: 'Kind of the mistake' },
              loc: { type: 'array', items: {}, description: 'Where it is, from the part of the request inwards' },
              msg: { type: 'string' },
              input: { description: 'What was given; never the value of a secret field' },
              ctx: { type: 'object', description: 'What the value was measured against' },
            },
          },
        },
      },
    },
  },
}

type Documented = FastifySchema & { 'x-access'?: string }

function documented(schema: FastifySchema, access: Access): Documented {
  if (access === 'public') return { ...schema, security: [], 'x-access': 'public' }
  const codes = codesOf(access)
  return {
    ...schema,
    security: [{ password: [] }, { bearer: [] }],
    'x-access': levelOf(access),
    ...(codes.length === 0 ? {} : { 'x-permission': codes }),
  }
}

function levelOf(access: Access): string {
  if (typeof access === 'string') return access
  return access.own === true ? 'permission-or-own' : 'permission'
}

interface Answer {
  description?: string
  content?: unknown
}
interface Operation {
  summary?: string
  operationId?: string
  parameters?: unknown[]
  requestBody?: unknown
  responses?: Record<string, Answer>
  'x-access'?: string
}
interface OpenApi {
  paths?: Record<string, Record<string, Operation>>
}

/** Adds the failures that apply: 401 and 403 behind a guard, 422 where something is given. */
function withProblems<T extends OpenApi>(document: T): T {
  for (const [path, item] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(item)) {
      operation.operationId ??= `${method}_${path.replace(/^\/api\/v1\//, '').replace(/\W+/g, '_')}`.replace(/_$/, '')
      const success = operation.responses?.[200]
      if (success?.description === 'Default Response') success.description = 'Success'
      operation.responses = {
        ...operation.responses,
        ...(operation['x-access'] === 'public' ? {} : { 401: problem('Not signed in, or the session has ended') }),
        ...(['superuser', 'permission', 'permission-or-own'].includes(operation['x-access'] ?? '')
          ? { 403: problem('The permission is missing, or the domain refuses') }
          : {}),
        ...(operation.parameters !== undefined || operation.requestBody !== undefined
          ? {
              422: {
                description: 'The request does not fit',
                content: { 'application/json': { schema: { $ref: '#/components/schemas/ValidationProblem' } } },
              },
            }
          : {}),
      }
    }
  return document
}
