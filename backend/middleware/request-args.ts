import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { redact } from '#backend/common/redact'

const ARGS_BYTES_MAX = 10 * 1024

/**
 * What a request carried as JSON text, secrets hidden, at most 10 KiB; null when it carried nothing. Bytes, streams and
 * files are summarised.
 */
export function requestArgs(request: FastifyRequest): string | null {
  const { querystring, params, body } = (request.routeOptions.schema ?? {}) as Record<string, z.ZodType | undefined>
  const args: Record<string, unknown> = {}
  if (isGiven(request.query)) args.query_params = redact(querystring, summarised(request.query))
  if (isGiven(request.params)) args.path_params = redact(params, summarised(request.params))
  if (isGiven(request.body)) args[bodyKind(request)] = redact(body, summarised(request.body))
  if (!isGiven(args)) return null
  return storable(cut(JSON.stringify(args)))
}

/** Whether there is anything in it. */
function isGiven(value: unknown): boolean {
  if (value === null || value === undefined) return false
  if (typeof value !== 'object' || Array.isArray(value)) return true
  for (const _ in value) return true
  return false
}

function bodyKind({ headers }: FastifyRequest): string {
  const type = headers['content-type'] ?? ''
  if (type.startsWith('multipart/')) return 'form-data'
  return type.startsWith('application/x-www-form-urlencoded') ? 'data' : 'json'
}

/** Bytes and streams, also as the fields of a form. */
function summarised(value: unknown): unknown {
  // A body that is one text has no field whose name says whether it is a secret.
  if (typeof value === 'string') return `[${value.length} characters]`
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (isStream(value)) return '[stream]'
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, summarisedField(item)]))
}

function summarisedField(item: unknown): unknown {
  // A name that a form has several times.
  if (Array.isArray(item)) return item.map(summarisedField)
  if (item === null || typeof item !== 'object') return item
  if (ArrayBuffer.isView(item)) return `[${item.byteLength} bytes]`
  if (isStream(item)) return '[stream]'
  // A part of a multipart form.
  if ('fieldname' in item && 'mimetype' in item) {
    const { filename, mimetype, value } = item as Record<string, unknown>
    return filename === undefined ? value : { filename, mimetype }
  }
  return item
}

const isStream = (value: object): boolean => 'pipe' in value && typeof value.pipe === 'function'

/** JSON text as PostgreSQL stores it: NUL and half surrogate pairs, which JSON may hold and a text may not, are replaced. */
export function storable(json: string): string {
  if (!json.includes('\\u')) return json
  return json.replace(/\\(?:u[0-9a-f]{4}|.)/g, (found) => (/^\\u(0000|d[89a-f])/.test(found) ? '\uFFFD' : found))
}

/** Still a JSON object, which says of itself that it is not all. */
function cut(json: string): string {
  const bytes = Buffer.byteLength(json)
  if (bytes <= ARGS_BYTES_MAX) return json
  let head = json.slice(0, ARGS_BYTES_MAX)
  const textOf = () => JSON.stringify({ truncated: true, bytes, head })
  // Quotes and characters of several bytes take more room than they seem to.
  while (Buffer.byteLength(textOf()) > ARGS_BYTES_MAX) head = head.slice(0, Math.floor(head.length * 0.8))
  return textOf()
}
