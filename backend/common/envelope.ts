import { z } from 'zod'
import type { MessageKey } from '#backend/locale/translate'

/** The shape of every success: `{ code: 200, msg, data }`. Errors are thrown, never built by hand. */
export function envelope<T extends z.ZodType>(data: T) {
  return z.object({ code: z.int(), msg: z.string(), data })
}

/** Success without content; `data` is null on the wire. */
export const Done = envelope(z.null())

export interface Ok<T> {
  code: number
  msg: string
  data: T
}

/** Builds a success. `msg` is a message key; the reply hook translates it into the caller's language. */
export function ok(): Ok<null>
export function ok<T>(data: T, key?: MessageKey): Ok<T>
export function ok<T>(data: T | null = null, key: MessageKey = 'success'): Ok<T | null> {
  return { code: 200, msg: key, data }
}
