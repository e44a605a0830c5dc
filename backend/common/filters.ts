import { ilike, like, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/** LIKE's wildcards in what a user typed are ordinary characters. */
const literal = (text: string) => text.replace(/[\\%_]/g, (character) => `\\${character}`)

/** `column` holds `text` anywhere, in any case; no condition when there is no text, for a cleared input is sent as ''. */
export function contains(column: PgColumn | SQL, text: string | undefined): SQL | undefined {
  return text === undefined || text === '' ? undefined : ilike(column, `%${literal(text)}%`)
}

/** `column` begins with `text`, in any case; no condition when there is no text. */
export function startsWith(column: PgColumn, text: string | undefined): SQL | undefined {
  return text === undefined || text === '' ? undefined : ilike(column, `${literal(text)}%`)
}

/** As `startsWith`, in this case only: an index with the pattern operators answers it. */
export function startsWithExactly(column: PgColumn, text: string | undefined): SQL | undefined {
  return text === undefined || text === '' ? undefined : like(column, `${literal(text)}%`)
}
