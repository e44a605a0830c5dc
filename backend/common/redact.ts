import { z } from 'zod'
import { secrets } from '#backend/common/schema'

export const REDACTED = '[REDACTED]'
const SECRET_NAME =
  /pass(?:$|[-_]?(?:w|phrase|code|key))|pwd|secret|token|credential|authorization|auth$|bearer|jwt$|cookie|signature$|(?:^|[-_])t?otp(?:$|[-_]?code$)|(?<!sort|primary|foreign|routing|cache|public)[-_]key$|(?:api|private|access|signing|encryption)[-_]?key|^(?:salt|pin)$/i
/** What is said of secrets, and none itself: how long a password must be, when it was changed. */
const ABOUT_SECRETS = /[-_](?:length|days|seconds|count|cost|time)$|(?:^|[-_])password_require_\w+$/i
const DEPTH_MAX = 12
/** More cannot be kept of a request anyway. */
const VALUES_MAX = 20_000

/** Whether a field of this name is hidden where no schema says what it is. `user[pass]` is as forms write it. */
export function hidesSecret(name: string): boolean {
  if (name.includes('[')) return name.split(/[[\]]/).some(hidesSecret)
  return SECRET_NAME.test(name) && !ABOUT_SECRETS.test(name)
}

const URL_USER = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#"'<>]*@/gi
const URL_PARAMETER = /([?&#;]([^=?&#;\s]{1,64})=)[^?&#;\s]*/g

/** A text without what the URLs in it carry of secrets: who signs in, and parameters that are named like a secret. */
export function withoutUrlSecrets(text: string): string {
  if (!text.includes('=') && !text.includes('@')) return text
  return text
    .replace(URL_USER, `$1${REDACTED}@`)
    .replace(URL_PARAMETER, (found, start: string, name: string) => (hidesSecret(name) ? start + REDACTED : found))
}

/** Stands for a value that is compared with others, but not shown: as JSON it is REDACTED. */
export const concealed = (value: unknown): object => ({ value, toJSON: toRedacted })
const toRedacted = () => REDACTED

/** A copy of a request value in which what the schema marks as secret, or what is named like a secret, is hidden. */
export function redact(schema: z.ZodType | undefined, value: unknown): unknown {
  return redactBy(schema === undefined ? [] : [schema], value, 0, { left: VALUES_MAX })
}

/** Of several schemas that may describe the value (the options of a union) any one can mark it as secret. */
function redactBy(schemas: readonly z.ZodType[], value: unknown, depth: number, values: { left: number }): unknown {
  if (schemas.some((schema) => layersOf(schema).some(isMarked))) return REDACTED
  if (typeof value === 'string') return withoutUrlSecrets(value)
  // JSON has none.
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object') return value
  const known = schemas.flatMap(layersOf)
  if (depth > DEPTH_MAX) return '[...]'
  if (Array.isArray(value)) {
    // What is sent as a list of what should be one is refused, and its secrets are secrets all the same.
    const isList = known.some((schema) => schema instanceof z.ZodArray || schema instanceof z.ZodTuple)
    const items = (index: number) => (isList ? known.flatMap((schema) => elementOf(schema, index)) : known)
    return taken(value, values).map((item, index) => redactBy(items(index), item, depth + 1, values))
  }
  const isFielded = known.some((schema) => schema instanceof z.ZodObject || schema instanceof z.ZodRecord)
  // So is one where there should be a list of them.
  const fielded = isFielded ? known : known.flatMap((schema) => elementOf(schema, 0)).flatMap(layersOf)
  const hasSecretValue = namesSecret(value)
  return Object.fromEntries(
    taken(Object.entries(value), values).map(([key, item]) => {
      if (hasSecretValue && key === 'value') return [key, REDACTED]
      const isDeclared = fielded.some((schema) => schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key))
      if (!isDeclared && hidesSecret(key)) return [key, REDACTED]
      const fields = fielded.flatMap((schema) => fieldOf(schema, key))
      return [key, redactBy(fields, item, depth + 1, values)]
    }),
  )
}

/** As many as there is still room for. */
function taken<T>(items: readonly T[], values: { left: number }): readonly T[] {
  const some = items.slice(0, Math.max(values.left, 0))
  values.left -= items.length
  return some
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
