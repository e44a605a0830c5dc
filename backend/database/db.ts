import type { PgDatabase, PgTransactionConfig } from 'drizzle-orm/pg-core'
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
  /** Whether queries are prepared once per connection; off for poolers that cannot carry prepared statements. */
  prepare?: boolean
  application_name?: string
}

const CONNECT_TIMEOUT_SECONDS = 10
const CLOSE_TIMEOUT_SECONDS = 5
const RECONNECT_SECONDS_MAX = 1

/** Connects lazily: a wrong address shows at the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, time_zone, pool_size = 10, application_name = 'fba', prepare = true } = options
  const sql = postgres(url, {
    max: pool_size,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    // The driver's own pauses grow to 20 seconds, for which queries would hang, also when the server is long back.
    backoff: (attempt) => Math.min(0.05 * 2 ** attempt, RECONNECT_SECONDS_MAX),
    // DateStyle is pinned because wireTime() cuts the text that PostgreSQL prints, and a role or database may have another style.
    connection: { application_name, TimeZone: time_zone, DateStyle: 'ISO, YMD' },
    prepare,
    onnotice: () => {},
  })
  if (prepare) prepareQueries(sql)
  return {
    sql,
    db: drizzle(sql),
    close: () => sql.end({ timeout: CLOSE_TIMEOUT_SECONDS }),
  }
}

type Queries = Pick<postgres.Sql, 'unsafe'>

/**
 * Drizzle hands its queries over as unprepared ones, which costs a round trip and a plan each time: more than the queries
 * themselves. Those with parameters are prepared here, on the pool and in transactions.
 */
function prepareQueries(sql: postgres.Sql): void {
  prepareOn(sql)
  const begin = sql.begin.bind(sql) as (...args: unknown[]) => unknown
  const beginPrepared = (...args: unknown[]) => {
    const work = args.pop() as (tx: Queries) => unknown
    return begin(...args, (tx: Queries) => {
      prepareOn(tx)
      return work(tx)
    })
  }
  sql.begin = beginPrepared as typeof sql.begin
}

function prepareOn(queries: Queries): void {
  const unsafe = queries.unsafe.bind(queries)
  const prepared = (query: string, parameters: Parameters<typeof unsafe>[1] = [], options: object = {}) =>
    unsafe(query, parameters, parameters.length === 0 ? options : { ...options, prepare: true })
  queries.unsafe = prepared as typeof queries.unsafe
}

/** Runs `fn` on what is there now: what others commit meanwhile is not seen. Within a transaction: as that one sees it. */
export async function inSnapshot<T>(db: Db, fn: (tx: Db) => Promise<T>): Promise<T> {
  return db.transaction((tx) => fn(tx), { isolationLevel: 'repeatable read', accessMode: 'read only' })
}

/** `isolationLevel`: a transaction that does not see what others commit fails where it would change what they have. */
export type TxOptions = Pick<PgTransactionConfig, 'isolationLevel'>

/** Commits what `fn` did when it resolves, undoes all of it when it throws. Within a transaction: a savepoint. */
export async function inTransaction<T>(db: Db, fn: (tx: Db) => Promise<T>, options?: TxOptions): Promise<T> {
  return db.transaction((tx) => fn(tx), options)
}
