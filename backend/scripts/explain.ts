import { Refusal } from '#backend/common/errors'
import { InvalidConfig } from '#backend/core/config'
import { isConnectionError, pgError } from '#backend/database/pg-error'
import { type Locale, translate } from '#backend/locale/translate'

/** A mistake of whoever starts a command: told as it is. */
export class Mistake extends Error {
  override readonly name = 'Mistake'
}

/** What went wrong, for a person at a terminal: one line, or one per wrong setting; never a stack. */
export function explain(error: unknown, locale: Locale = 'en-US'): string {
  if (error instanceof Mistake || error instanceof InvalidConfig) return error.message
  if (error instanceof Refusal) return translate(locale, error.key, error.params)
  if (!(error instanceof Error)) return String(error)
  if (codeOf(error) === 'EADDRINUSE')
    return `The address is in use: ${error.message}. Stop what listens there, or set PORT.`
  if (isConnectionError(error)) return `The database cannot be reached: ${oneLine(rootOf(error))}`
  if (pgError(error) !== undefined) return `The database refused: ${oneLine(rootOf(error))}`
  return oneLine(error)
}

const codeOf = (error: Error) => (error as NodeJS.ErrnoException).code

/** Drizzle and the driver wrap; the innermost error says what happened. */
function rootOf(error: Error): Error {
  let root = error
  for (let depth = 0; depth < 10 && root.cause instanceof Error; depth += 1) root = root.cause
  return root
}

/** An error of several connection attempts has no message of its own. */
function oneLine(error: Error): string {
  const parts = error instanceof AggregateError ? error.errors.map((one: Error) => one.message) : [error.message]
  const text = parts.join('; ').replace(/\s+/g, ' ').trim()
  return text === '' ? (codeOf(error) ?? error.name) : text
}
