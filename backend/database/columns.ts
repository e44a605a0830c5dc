import { sql } from 'drizzle-orm'
import { customType, type ExtraConfigColumn, uniqueIndex } from 'drizzle-orm/pg-core'

// PostgreSQL's text of a timestamptz is `2024-05-01 12:30:00.123456+08`: this many characters are the wire's.
const WIRE_TIME_LENGTH = 'YYYY-MM-DD HH:mm:ss'.length

/** A bigint beyond 2^53-1 would come out as a neighbour's id: refused in both directions instead of rounded. */
function safeInteger(value: number | string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`bigint ${value} cannot be held by a JavaScript number`)
  return number
}

const bigserial = customType<{ data: number; driverData: string }>({
  dataType: () => 'bigserial',
  fromDriver: safeInteger,
  toDriver: (value) => String(safeInteger(value)),
})

const bigint = customType<{ data: number; driverData: string }>({
  dataType: () => 'bigint',
  fromDriver: safeInteger,
  toDriver: (value) => String(safeInteger(value)),
})

const wireTimestamp = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp with time zone',
  fromDriver: (value) => value.slice(0, WIRE_TIME_LENGTH),
})

const instantTimestamp = customType<{ data: Date; driverData: string }>({
  dataType: () => 'timestamp with time zone',
  fromDriver: parseInstant,
  toDriver: (value) => value.toISOString(),
})

function parseInstant(value: string): Date {
  // Most zones are printed as `+08`, which ISO 8601 parsers read only with minutes.
  const date = new Date(value.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  if (Number.isNaN(date.getTime())) throw new RangeError(`"${value}" is no instant that a Date can hold`)
  return date
}

/** `id`, decided by the table's own sequence `<table>_id_seq`. */
export function id() {
  return serialId().primaryKey()
}

/** As `id()`, for join tables whose primary key is composite. */
export function serialId() {
  return bigserial('id')
    .notNull()
    .$default(() => sql`default`)
}

/** A reference to another row's id. */
export function bigId(name: string) {
  return bigint(name)
}

/** The redundant unique index on `id` that every table taken over has beside its primary key. */
export function idIndex(table: string, column: ExtraConfigColumn) {
  return uniqueIndex(`ix_${table}_id`).on(column)
}

/**
 * A point in time as the wire writes it: `YYYY-MM-DD HH:mm:ss` in the connection's time zone, fractions cut.
 * Accepts that format, ISO 8601, or SQL such as now().
 */
export function wireTime(name: string) {
  return wireTimestamp(name)
}

/** A point in time as a Date (milliseconds), for tables that are not shown as they are. */
export function instant(name: string) {
  return instantTimestamp(name)
}

export function createdTime() {
  return wireTime('created_time')
    .notNull()
    .$default(() => sql`now()`)
}

/** Null until the first update. */
export function updatedTime() {
  return (
    wireTime('updated_time')
      // Without a default of its own, Drizzle would fill the column by $onUpdate at insert too.
      .$default(() => sql`null`)
      .$onUpdate(() => sql`now()`)
  )
}

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })
