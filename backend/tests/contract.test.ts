import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestApp, type TestApp } from '#backend/tests/harness'

/** The published wire, as facts: what a front end written for it sends and reads. */
interface Operation {
  method: string
  path: string
  query?: string[]
  /** Field to whether it is required. */
  body?: Record<string, boolean>
  data: Shape
}
type Shape = string | [Shape] | { [field: string]: Shape }

const operations: Operation[] = JSON.parse(
  readFileSync(new URL('contract/operations.json', import.meta.url), 'utf8'),
) as Operation[]

/** Where the wire is deliberately other; each has its reason in docs/deviations.md. */
const CREDENTIALS_IN_QUERY = 'POST /auth/login/swagger'

let t: TestApp
let paths: Record<string, Record<string, OpenApiOperation>>

interface OpenApiOperation {
  summary?: string
  tags?: string[]
  parameters?: { name: string; in: string; description?: string }[]
  requestBody?: { content: Record<string, { schema: JsonSchema }> }
  responses: Record<string, { content?: Record<string, { schema: JsonSchema }> }>
  security?: unknown[]
  'x-access'?: string
  'x-permission'?: string[]
}
interface JsonSchema {
  type?: string | string[]
  $ref?: string
  anyOf?: JsonSchema[]
  items?: JsonSchema
  enum?: unknown[]
  properties?: Record<string, JsonSchema>
  required?: string[]
}

beforeAll(async () => {
  t = await createTestApp()
  paths = (t.app.swagger() as unknown as { paths: typeof paths }).paths
})
afterAll(() => t.close())

const find = ({ method, path }: Pick<Operation, 'method' | 'path'>) => paths[`/api/v1${path}`]?.[method.toLowerCase()]

function isNull({ type }: JsonSchema): boolean {
  return type === 'null'
}

/** The field structure of a schema, without nullability and limits. */
function shapeOf(schema: JsonSchema, seen: JsonSchema[] = []): Shape {
  if (schema.$ref !== undefined) return 'recursive'
  if (seen.includes(schema)) return 'recursive'
  const inner = schema.anyOf?.find((one) => !isNull(one))
  if (inner !== undefined) return shapeOf(inner, seen)
  const type = [schema.type].flat().find((one) => one !== 'null')
  if (type === 'array') return [shapeOf(schema.items ?? {}, [...seen, schema])]
  if (schema.properties !== undefined)
    return Object.fromEntries(
      Object.entries(schema.properties)
        .map(([key, value]): [string, Shape] => [key, shapeOf(value, [...seen, schema])])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  if (type === 'integer' || type === 'number') return 'number'
  if (schema.enum?.every((one) => typeof one === 'number')) return 'number'
  if (schema.type === 'null') return 'null'
  return type ?? 'any'
}

/** Whether `actual` holds at least what `expected` names; a nested tree may stop at its recursion on either side. */
function missing(expected: Shape, actual: Shape | undefined, path = 'data'): string[] {
  if (expected === 'recursive' || actual === 'recursive' || expected === 'any') return []
  if (actual === undefined) return [path]
  if (typeof expected === 'string')
    return expected === actual || expected === 'object' ? [] : [`${path}: ${expected}, not ${JSON.stringify(actual)}`]
  if (Array.isArray(expected))
    return Array.isArray(actual) ? missing(expected[0], actual[0], `${path}[]`) : [`${path}: no array`]
  if (typeof actual === 'string' || Array.isArray(actual)) return [`${path}: no object`]
  return Object.entries(expected).flatMap(([key, shape]) => missing(shape, actual[key], `${path}.${key}`))
}

describe.each(operations.map((operation): [string, Operation] => [`${operation.method} ${operation.path}`, operation]))(
  '%s',
  (name, operation) => {
    test('exists', () => {
      expect(find(operation)).toBeDefined()
    })

    test('takes every query parameter', () => {
      if (name === CREDENTIALS_IN_QUERY) return
      const known = find(operation)
        ?.parameters?.filter((one) => one.in === 'query')
        .map((one) => one.name)
      expect(known ?? []).toEqual(expect.arrayContaining(operation.query ?? []))
    })

    test('takes every body field and demands none that the wire leaves out', () => {
      const schema = find(operation)?.requestBody?.content['application/json']?.schema
      const fields = Object.keys(schema?.properties ?? {})
      expect(fields).toEqual(expect.arrayContaining(Object.keys(operation.body ?? {})))
      if (operation.body === undefined) return
      const optional = Object.entries(operation.body).filter(([, required]) => !required)
      for (const [field] of optional) expect(schema?.required ?? []).not.toContain(field)
    })

    test('answers every field', () => {
      const schema = find(operation)?.responses['200']?.content?.['application/json']?.schema ?? {}
      const data = schema.properties?.data ?? schema
      expect(missing(operation.data, shapeOf(data))).toEqual([])
    })
  },
)

describe('the document', () => {
  const all = () =>
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    )

  test('is OpenAPI 3.1 and describes every operation and parameter', () => {
    expect(t.app.swagger()).toMatchObject({ openapi: '3.1.0' })
    for (const { name, operation } of all()) {
      expect(operation.summary, name).toEqual(expect.any(String))
      expect(operation.tags, name).toHaveLength(1)
      for (const parameter of operation.parameters ?? [])
        expect(parameter.description, `${name} ${parameter.name}`).toEqual(expect.any(String))
      expect(operation.responses['200']?.content, name).toBeDefined()
    }
  })

  test('says 401, 403 and 422 where they apply, and which permission opens an operation', () => {
    for (const { name, operation } of all()) {
      const guarded = operation['x-access'] !== 'public'
      const limited = ['permission', 'permission-or-own', 'superuser'].includes(operation['x-access'] ?? '')
      const given = operation.parameters !== undefined || operation.requestBody !== undefined
      expect('401' in operation.responses, name).toBe(guarded)
      expect('403' in operation.responses, name).toBe(limited)
      expect('422' in operation.responses, name).toBe(given)
      expect(operation.security, name).toHaveLength(guarded ? 2 : 0)
      if (operation['x-access']?.startsWith('permission'))
        expect(operation['x-permission'], name).toEqual(expect.arrayContaining([expect.any(String)]))
    }
  })
})
