import { z } from 'zod'
import { secrets } from '#backend/common/schema'

export const REDACTED = '[REDACTED]'
const SECRET_NAME =
  /pass(?:$|[-_]?(?:w|phrase|code))|pwd|secret|token|credential|authorization|bearer|jwt$|cookie|(?:^|[-_])otp$|(?:api|private|access|signing|encryption)[-_]?key|^(?:salt|pin)$/i
const DEPTH_MAX = 12

/** Whether a field of this name is hidden where no schema says what it is. */
export const hidesSecret = (name: string): boolean => SECRET_NAME.test(name)

/** Stands for a value that is compared with others, but not shown: as JSON it is REDACTED. */
export const concealed = (value: unknown): object => ({ value, toJSON: toRedacted })
const toRedacted = () => REDACTED

/** A copy of a request value in which what the schema marks as secret, or what is named like a secret, is hidden. */
export function redact(schema: z.ZodType | undefined, value: unknown): unknown {
  return redactBy(schema === undefined ? [] : [schema], value, 0)
}

/** Of several schemas that may describe the value (the options of a union) any one can mark it as secret. */
function redactBy(schemas: readonly z.ZodType[], value: unknown, depth: number): unknown {
  if (schemas.some((schema) => layersOf(schema).some(isMarked))) return REDACTED
  if (value === null || typeof value !== 'object') return value
  const known = schemas.flatMap(layersOf)
  if (depth > DEPTH_MAX) return '[...]'
  if (Array.isArray(value))
    return value.map((item, index) =>
      redactBy(
        known.flatMap((schema) => elementOf(schema, index)),
        item,
        depth + 1,
      ),
    )
  const hasSecretValue = namesSecret(value)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (hasSecretValue && key === 'value') return [key, REDACTED]
      const isDeclared = known.some((schema) => schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key))
      if (!isDeclared && hidesSecret(key)) return [key, REDACTED]
      const fields = known.flatMap((schema) => fieldOf(schema, key))
      return [key, redactBy(fields, item, depth + 1)]
    }),
  )
}

/** Whether it is a pair of a name and a value, `{ key: 'EMAIL_PASSWORD', value: '...' }`, and the name is a secret's. */
function namesSecret(value: object): boolean {
  const { key, name } = value as { key?: unknown; name?: unknown }
  return [key, name].some((label) => typeof label === 'string' && hidesSecret(label))
}

/** Schemas live as long as their routes. */
const layers = new WeakMap<z.ZodType, readonly z.ZodType[]>()

const marks = new WeakMap<z.ZodType, boolean>()

function isMarked(schema: z.ZodType): boolean {
  const known = marks.get(schema)
  if (known !== undefined) return known
  // `get` also finds the mark of the schema that this one was refined or described from; `has` does not.
  const found = secrets.get(schema)?.secret === true
  marks.set(schema, found)
  return found
}

/** A schema and those inside it that describe the same value. */
function layersOf(schema: z.ZodType): readonly z.ZodType[] {
  const known = layers.get(schema)
  if (known !== undefined) return known
  const found = [schema, ...insideOf(schema).flatMap(layersOf)]
  layers.set(schema, found)
  return found
}

/** What an optional, nullable, default, preprocess, pipe, union or intersection is made of. */
function insideOf(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodPipe) {
    const { in: input, out } = schema.def
    return [(input instanceof z.ZodTransform ? out : input) as z.ZodType]
  }
  if (schema instanceof z.ZodUnion) return [...schema.def.options] as z.ZodType[]
  if (schema instanceof z.ZodIntersection) return [schema.def.left, schema.def.right] as z.ZodType[]
  if (schema instanceof z.ZodLazy) return [schema.def.getter() as z.ZodType]
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNonOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodCatch ||
    schema instanceof z.ZodReadonly
  )
    return [schema.def.innerType as z.ZodType]
  return []
}

function elementOf(schema: z.ZodType, index: number): z.ZodType[] {
  if (schema instanceof z.ZodArray) return [schema.def.element as z.ZodType]
  if (!(schema instanceof z.ZodTuple)) return []
  const item = (schema.def.items[index] ?? schema.def.rest) as z.ZodType | null
  return item === null ? [] : [item]
}

function fieldOf(schema: z.ZodType, key: string): z.ZodType[] {
  if (schema instanceof z.ZodRecord) return [schema.def.valueType as z.ZodType]
  if (!(schema instanceof z.ZodObject) || !Object.hasOwn(schema.shape, key)) return []
  return [schema.shape[key] as z.ZodType]
}
