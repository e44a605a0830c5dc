import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { redact } from '#backend/common/redact'
import { isMessageKey, type Locale, translate, ZOD_TEXTS } from '#backend/locale/translate'

/** What clients call the parts of a request. */
const PARTS: Record<string, string> = { body: 'body', params: 'path', querystring: 'query', headers: 'header' }

/** A request that does not fit its schema; texts are made when the answer is, in the caller's language. */
export class ValidationFailed extends Error {
  constructor(
    readonly part: string,
    readonly issues: readonly z.core.$ZodIssue[],
    readonly schema: z.ZodType,
    readonly input: unknown,
  ) {
    super('validation failed')
    this.name = 'ValidationFailed'
  }
}

/** Parses with Zod, strips undeclared fields; an empty query value means that the parameter was not given. */
export const zodValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const part = PARTS[httpPart ?? ''] ?? 'body'
  return (data: unknown) => {
    const input = httpPart === 'querystring' ? withoutEmpty(data) : data
    const parsed = schema.safeParse(input ?? undefined, { reportInput: true })
    return parsed.success
      ? { value: parsed.data }
      : { error: new ValidationFailed(part, parsed.error.issues, schema, input) }
  }
}

function withoutEmpty(query: unknown): unknown {
  if (query === null || typeof query !== 'object') return query
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}

/** One entry of `data.errors`. */
export interface ErrorDetail {
  type: string
  loc: (string | number)[]
  msg: string
  input: unknown
  ctx?: Record<string, unknown>
}

export function errorDetails(failure: ValidationFailed, locale: Locale): ErrorDetail[] {
  const shown = redact(failure.schema, failure.input)
  return failure.issues.slice(0, 50).map((issue) => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    const input = follow(failure.input, path)
    const { type, ctx } = classify(issue, input)
    const missing = type === 'missing'
    return {
      type,
      loc: [failure.part, ...path],
      msg: missing ? translate(locale, 'validation.missing') : textOf(issue, locale),
      input: bounded(missing ? (follow(shown, path.slice(0, -1)) ?? {}) : follow(shown, path)),
      ...(ctx === undefined ? {} : { ctx }),
    }
  })
}

function textOf(issue: z.core.$ZodIssue, locale: Locale): string {
  if (isMessageKey(issue.message)) return translate(locale, issue.message)
  const text = ZOD_TEXTS[locale](issue as z.core.$ZodRawIssue)
  return (typeof text === 'string' ? text : text?.message) ?? issue.message
}

function follow(value: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (current, step) =>
      current !== null && typeof current === 'object' && Object.hasOwn(current, step)
        ? (current as Record<string | number, unknown>)[step]
        : undefined,
    value,
  )
}

/** Echoed input is an aid, not a mirror: large values are cut. */
function bounded(input: unknown): unknown {
  if (input === undefined) return null
  if (typeof input === 'string') return input.slice(0, 200)
  return typeof input === 'object' && JSON.stringify(input).length > 1000 ? '[...]' : input
}

interface Classified {
  type: string
  ctx?: Record<string, unknown>
}

/** The error types of the published contract, from Zod's issues. */
function classify(issue: z.core.$ZodIssue, input: unknown): Classified {
  switch (issue.code) {
    case 'invalid_type':
      return { type: input === undefined ? 'missing' : wrongType(issue.expected, input) }
    case 'too_small':
      return limit(
        issue.origin,
        issue.minimum,
        issue.inclusive === false ? 'greater_than' : 'greater_than_equal',
        'short',
      )
    case 'too_big':
      return limit(issue.origin, issue.maximum, issue.inclusive === false ? 'less_than' : 'less_than_equal', 'long')
    case 'invalid_format':
      return issue.format === 'regex'
        ? { type: 'string_pattern_mismatch', ctx: { pattern: (issue.pattern ?? '').replace(/^\/|\/[a-z]*$/g, '') } }
        : { type: issue.format === 'url' ? 'url_parsing' : 'value_error' }
    case 'invalid_value':
      return input === undefined ? { type: 'missing' } : { type: 'enum', ctx: { expected: alternatives(issue.values) } }
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return { type: input === undefined ? 'missing' : 'value_error' }
  }
}

function wrongType(expected: string, input: unknown): string {
  switch (expected) {
    case 'int':
    case 'number':
      return typeof input === 'string' ? 'int_parsing' : 'int_type'
    case 'boolean':
      return typeof input === 'string' ? 'bool_parsing' : 'bool_type'
    case 'array':
      return 'list_type'
    case 'object':
    case 'record':
      return 'dict_type'
    default:
      return `${expected}_type`
  }
}

const BOUND_NAMES: Record<string, string> = {
  greater_than: 'gt',
  greater_than_equal: 'ge',
  less_than: 'lt',
  less_than_equal: 'le',
}

function limit(origin: string, bound: unknown, numeric: string, length: 'short' | 'long'): Classified {
  const lengthKey = length === 'short' ? 'min_length' : 'max_length'
  if (origin === 'string') return { type: `string_too_${length}`, ctx: { [lengthKey]: bound } }
  if (origin === 'array' || origin === 'set') return { type: `too_${length}`, ctx: { [lengthKey]: bound } }
  return { type: numeric, ctx: { [BOUND_NAMES[numeric] ?? numeric]: bound } }
}

function alternatives(values: readonly unknown[]): string {
  const quoted = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
}
