import postgres from 'postgres'

export interface PgErrorFacts {
  /** SQLSTATE, for example 23505. */
  code: string
  constraint_name: string | undefined
  column_name: string | undefined
  table_name: string | undefined
}

const UNIQUE_VIOLATION = '23505'
const LOCK_NOT_AVAILABLE = '55P03'

const CONNECTION_CODES: ReadonlySet<string> = new Set([
  // postgres.js
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  // the operating system
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  // the server: shutting down, crashed, starting, out of connections
  '57P01',
  '57P02',
  '57P03',
  '53300',
])

// A cause chain may be a circle.
const CAUSE_DEPTH_MAX = 10

function* causes(error: unknown): Generator<Error> {
  let current = error
  for (let depth = 0; depth < CAUSE_DEPTH_MAX && current instanceof Error; depth += 1) {
    yield current
    current = current.cause
  }
}

/** What the server said, dug out of whatever wraps it (Drizzle wraps every failed query); undefined when it said nothing. */
export function pgError(error: unknown): PgErrorFacts | undefined {
  for (const cause of causes(error)) {
    if (cause instanceof postgres.PostgresError) {
      const { code, constraint_name, column_name, table_name } = cause
      return { code, constraint_name, column_name, table_name }
    }
  }
  return undefined
}

/** True for a duplicate key, of this constraint or unique index when one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const facts = pgError(error)
  if (facts?.code !== UNIQUE_VIOLATION) return false
  return constraint === undefined || facts.constraint_name === constraint
}

/** True when somebody else held a lock for longer than this transaction waits. */
export const isLockTimeout = (error: unknown): boolean => pgError(error)?.code === LOCK_NOT_AVAILABLE

/** True when the database could not be reached or went away: a fault of no request, worth another try later. */
export function isConnectionError(error: unknown): boolean {
  for (const cause of causes(error)) {
    const { code, syscall } = cause as NodeJS.ErrnoException
    if (typeof code !== 'string') continue
    // Class 08 is SQL's own "connection exception".
    if (CONNECTION_CODES.has(code) || /^08\w{3}$/.test(code)) return true
    // A unix socket that is not there; any other ENOENT is about a file.
    if (code === 'ENOENT' && syscall === 'connect') return true
  }
  return false
}
