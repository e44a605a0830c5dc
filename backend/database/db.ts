import type { PgDatabase } from 'drizzle-orm/pg-core'
import { drizzle, type PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'

/** A place to run queries: the pool or one transaction. Code that takes a `Db` cannot tell which, and does not need to. */
export type Db = PgDatabase<PostgresJsQueryResultHKT, Record<string, never>>

export interface Database {
  /** The driver itself, for what Drizzle has no words for: LISTEN, COPY, reserved connections. Times come back as text. */
  sql: postgres.Sql
  db: Db
  close(): Promise<void>
}

export interface DatabaseOptions {
  url: string
  /** IANA name. Every connection speaks it, so timestamptz columns are written and read as local times of this zone. */
  time_zone: string
  pool_size?: number
  application_name?: string
}

const CONNECT_TIMEOUT_SECONDS = 10
const CLOSE_TIMEOUT_SECONDS = 5
const RECONNECT_SECONDS_MAX = 1

/** Connects lazily: a wrong address shows at the first query. */
export function openDatabase({ url, time_zone, pool_size = 10, application_name = 'fba' }: DatabaseOptions): Database {
  const sql = postgres(url, {
    max: pool_size,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    // The driver's own pauses grow to 20 seconds, for which queries would hang, also when the server is long back.
    backoff: (attempt) => Math.min(0.05 * 2 ** attempt, RECONNECT_SECONDS_MAX),
    // DateStyle is pinned because wireTime() cuts the text that PostgreSQL prints, and a role or database may have another style.
    connection: { application_name, TimeZone: time_zone, DateStyle: 'ISO, YMD' },
    onnotice: () => {},
  })
  return {
    sql,
    db: drizzle(sql),
    close: () => sql.end({ timeout: CLOSE_TIMEOUT_SECONDS }),
  }
}

/** Commits what `fn` did when it resolves, undoes all of it when it throws. Within a transaction: a savepoint. */
export async function inTransaction<T>(db: Db, fn: (tx: Db) => Promise<T>): Promise<T> {
  return db.transaction((tx) => fn(tx))
}
