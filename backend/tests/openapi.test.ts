import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { envelope, ok } from '#backend/common/envelope'
import type { AppModule } from '#backend/core/app-module'
import { NO_PLUGINS } from '#backend/core/plugin/parts'
import { codesOf } from '#backend/middleware/access'
import { buildApp } from '#backend/server'
import { createTestApp, type TestApp } from '#backend/tests/harness'
import { schemaFaults } from '#backend/tests/json-schema'

interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  schema: Record<string, unknown>
}
interface Media {
  content?: Record<string, { schema: Record<string, unknown> }>
}
interface Operation {
  operationId: string
  summary: string
  tags: string[]
  parameters?: Parameter[]
  requestBody?: Media
  responses: Record<string, Media & { description: string }>
  security: Record<string, string[]>[]
  'x-permission'?: string[]
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  servers?: unknown
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Record<string, unknown>>; securitySchemes: Record<string, unknown> }
}

let test_app: TestApp
let document: Document
let operations: { path: string; method: string; operation: Operation }[]

beforeAll(async () => {
  test_app = await createTestApp()
  const response = await test_app.app.inject('/openapi')
  expect(response.statusCode).toBe(200)
  document = response.json()
  operations = operationsOf(document)
})
afterAll(() => test_app?.close())

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
const faults = (find: (one: (typeof operations)[number]) => string[]) =>
  operations.flatMap((one) => find(one).map((fault) => `${one.method} ${one.path}: ${fault}`))

describe('the OpenAPI document', () => {
  it('is of version 3.1, has every route of the API, and names no server, so that it is right wherever it is served', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(document).not.toHaveProperty('servers')
    const routes = test_app.app.routeAccess
      .filter(({ method, url }) => method !== 'HEAD' && url.startsWith('/api/'))
      .map(({ method, url }) => `${method.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`)
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(routes.sort())
    expect(operations.length).toBeGreaterThan(40)
  })

  it('tells operations apart by a unique id, and says of each what it does', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.filter((id) => !/^[a-z][a-z0-9_]*$/.test(id))).toEqual([])
    expect(
      faults(({ operation: { summary, tags } }) => [
        ...(summary ? [] : ['no summary']),
        ...(tags?.length > 0 ? [] : ['no tag']),
      ]),
    ).toEqual([])
  })

  it('declares the parameters of every path, whole numbers as such, and describes every parameter', () => {
    expect(
      faults(({ path, operation: { parameters = [] } }) => {
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
        const declared = parameters.filter((one) => one.in === 'path').map(({ name }) => name)
        return [
          ...(path.includes(':') ? ['a path that is no template'] : []),
          ...(inPath.join() === declared.join() ? [] : [`declares ${declared}`]),
          ...parameters
            .filter((one) => one.in === 'path' && one.required !== true)
            .map(({ name }) => `${name} optional`),
          ...parameters.filter(({ description }) => !description).map(({ name }) => `${name} undescribed`),
          ...parameters.filter(({ schema }) => schema.type === undefined).map(({ name }) => `${name} without a type`),
          ...parameters
            .filter(
              ({ name, schema }) =>
                ['pk', 'page', 'size', 'status', 'dept'].includes(name) && schema.type !== 'integer',
            )
            .map(({ name }) => `${name} is no integer`),
        ]
      }),
    ).toEqual([])
  })

  it('has only schemas that JSON Schema 2020-12 knows', () => {
    expect(
      faults(({ operation: { parameters = [], requestBody, responses } }) => [
        ...parameters.flatMap(({ name, schema }) => schemaFaults(schema, name)),
        ...[['body', requestBody] as const, ...Object.entries(responses)].flatMap(([where, media]) =>
          Object.values(media?.content ?? {}).flatMap(({ schema }) => schemaFaults(schema, where)),
        ),
      ]),
    ).toEqual([])
    expect(Object.entries(document.components.schemas).flatMap(([name, schema]) => schemaFaults(schema, name))).toEqual(
      [],
    )
  })

  it('refers only to shapes that it has, has none that nothing refers to, and none twice', () => {
    const { schemas } = document.components
    const refs = new Set([...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref))
    expect([...refs].sort()).toEqual(
      Object.keys(schemas)
        .map((name) => `#/components/schemas/${name}`)
        .sort(),
    )
    const shapes = Object.values(schemas).map((schema) => JSON.stringify(schema))
    expect(shapes.length).toBe(new Set(shapes).size)
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(['DeptTree', 'MenuTree', 'SidebarNode']))
  })

  it('says what each operation asks of the caller, as the guard of its route does', () => {
    const byRoute = new Map(
      test_app.app.routeAccess.map(({ method, url, access }) => [
        `${method.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`,
        access,
      ]),
    )
    for (const { method, path, operation } of operations) {
      const access = byRoute.get(`${method} ${path}`)
      if (access === undefined) throw new Error(`${method} ${path} is no route`)
      const guarded = access !== 'public'
      expect(operation.security, path).toEqual(guarded ? [{ password: [] }, { bearer: [] }] : [])
      expect(operation['x-permission'] ?? [], path).toEqual(codesOf(access))
      expect('401' in operation.responses, path).toBe(guarded)
      expect('403' in operation.responses, path).toBe(guarded && access !== 'signed-in')
      expect('422' in operation.responses, path).toBe(
        operation.parameters !== undefined || operation.requestBody !== undefined,
      )
    }
    expect(Object.keys(document.components.securitySchemes)).toEqual(['password', 'bearer'])
  })
})

/** The document of an application of one route. */
async function documentOf(api: AppModule['api']): Promise<Document> {
  const app = await buildApp(test_app.host, [{ ...module, api }], NO_PLUGINS)
  try {
    await app.ready()
    return app.swagger() as unknown as Document
  } finally {
    await app.close()
  }
}
const module: Omit<AppModule, 'api'> = { name: 'sample', scoped_models: [] }

describe('shapes with an id', () => {
  const Shape = z.object({ n: z.int().default(1) }).meta({ id: 'OpenapiTestShape' })

  it('appear once where they are only answered, and apart where what is asked differs', async () => {
    const answered = await documentOf(async (app) => {
      app.get(
        '/x',
        { config: { access: 'public' }, schema: { summary: 'x', response: { 200: envelope(Shape) } } },
        async () => ok({ n: 1 }),
      )
    })
    expect(Object.keys(answered.components.schemas)).toEqual(['OpenapiTestShape'])
    const both = await documentOf(async (app) => {
      app.post(
        '/x',
        { config: { access: 'public' }, schema: { summary: 'x', body: Shape, response: { 200: envelope(Shape) } } },
        async ({ body }) => ok(body),
      )
    })
    expect(Object.keys(both.components.schemas).sort()).toEqual([
      'OpenapiTestShape',
      'OpenapiTestShapeInput',
      'ValidationProblem',
    ])
  })

  it('are needed for recursion: without one the document is refused, and not written with a reference to nothing', async () => {
    const Anonymous = z.object({
      get children(): z.ZodArray<typeof Anonymous> {
        return z.array(Anonymous)
      },
    })
    await expect(
      documentOf(async (app) => {
        app.get(
          '/x',
          { config: { access: 'public' }, schema: { summary: 'x', response: { 200: envelope(Anonymous) } } },
          async () => ok({ children: [] }),
        )
      }),
    ).rejects.toThrow(/needs \.meta/)
  })
})

it('neither the page nor the document is served where they are switched off', async () => {
  const off = await createTestApp({ DOCS_ENABLED: 'false' })
  for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/index.html', '/openapi'])
    expect((await off.app.inject(url)).statusCode, url).toBe(404)
  await off.close()
})
