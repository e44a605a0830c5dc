import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'

type Node = Record<string, unknown>

const zodToJsonConfig = {
  /** Whole numbers: without the bounds that every one of them has, and with their type where they are listed. */
  override: ({ jsonSchema }: { jsonSchema: Node }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    if (jsonSchema.type !== 'number') return
    const values = Array.isArray(jsonSchema.enum) ? jsonSchema.enum : [jsonSchema.const]
    if (values.every(Number.isInteger)) jsonSchema.type = 'integer'
  },
}

/** The schemas of one route as JSON Schema; a shape with an id becomes a reference. */
export const routeSchemas = createJsonSchemaTransform({ zodToJsonConfig })
const allComponents = createJsonSchemaTransformObject({ zodToJsonConfig })

const PREFIX = '#/components/schemas/'

/**
 * Completes a document with the shapes that it refers to, and no others: the registry holds each twice, as input and as
 * output. Throws for a recursive shape without an id, which has no name to be referred to by.
 */
export function withComponents<T extends object>(document: T): T {
  const complete = allComponents({ openapiObject: document }) as T & {
    components?: { schemas?: Node }
  }
  const schemas = complete.components?.schemas ?? {}
  const used = new Set<string>()
  const pending: unknown[] = [{ ...complete, components: undefined }]
  while (pending.length > 0) {
    for (const ref of refsIn(pending.pop())) {
      const name = ref.slice(PREFIX.length)
      if (!ref.startsWith(PREFIX) || schemas[name] === undefined)
        throw new Error(`Nothing is at ${ref}: a recursive schema needs .meta({ id })`)
      if (!used.has(name)) pending.push(schemas[name])
      used.add(name)
    }
  }
  const kept = Object.entries(schemas).filter(([name]) => used.has(name))
  return { ...complete, components: { ...complete.components, schemas: Object.fromEntries(kept) } }
}

function refsIn(node: unknown): string[] {
  if (node === null || typeof node !== 'object') return []
  const { $ref } = node as Node
  return [...(typeof $ref === 'string' ? [$ref] : []), ...Object.values(node).flatMap(refsIn)]
}
