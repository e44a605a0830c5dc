import { z } from 'zod'
import { secrets } from '#backend/common/schema'

export const REDACTED = '[REDACTED]'
const SECRET_NAME = /passw|secret|token|credential|authorization|cookie|api[-_]?key|private[-_]?key/i
const DEPTH_MAX = 12

/** A copy of a request value in which what the schema marks as secret, or what is named like a secret, is hidden. */
export function redact(schema: z.ZodType | undefined, value: unknown, depth = 0): unknown {
  if (schema !== undefined && isSecret(schema)) return REDACTED
  if (value === null || typeof value !== 'object') return value
  if (depth > DEPTH_MAX) return '[...]'
  const inner = schema === undefined ? undefined : unwrap(schema)
  if (Array.isArray(value)) {
    const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined
    return value.map((item) => redact(element, item, depth + 1))
  }
  const shape = inner instanceof z.ZodObject ? (inner.shape as Record<string, z.ZodType>) : {}
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const field = Object.hasOwn(shape, key) ? shape[key] : undefined
      return [key, field === undefined && SECRET_NAME.test(key) ? REDACTED : redact(field, item, depth + 1)]
    }),
  )
}

function isSecret(schema: z.ZodType): boolean {
  // `get` also finds the mark of the schema that this one was refined or described from; `has` does not.
  if (secrets.get(schema)?.secret === true) return true
  const inner = unwrapOnce(schema)
  return inner !== undefined && isSecret(inner)
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner = unwrapOnce(schema)
  return inner === undefined ? schema : unwrap(inner)
}

/** The schema inside an optional, nullable, default, preprocess or pipe. */
function unwrapOnce(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodPipe) {
    const { in: input, out } = schema.def
    return (input instanceof z.ZodTransform ? out : input) as z.ZodType
  }
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  )
    return schema.def.innerType as z.ZodType
  return undefined
}
