import { getTableName, inArray } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { Db } from '#backend/database/db'

export type Fields = Readonly<Record<string, unknown>>

/** Rows whose changes the operation log shows. */
export type RowId = number | string

export interface TrackedRows {
  readonly table: string
  /** The rows there are of these ids, locked in one order, so that what is shown as before is what was replaced. */
  read(db: Db, ids: readonly RowId[]): Promise<ReadonlyMap<RowId, Fields>>
}

export interface TrackedOptions {
  /** Hides what the columns' names do not give away as secret; what is `concealed` still shows that it has changed. */
  conceal?: (row: Fields) => Fields
}

export function trackedRows(table: PgTable, key: PgColumn, { conceal = same }: TrackedOptions = {}): TrackedRows {
  return {
    table: getTableName(table),
    async read(db, ids) {
      const rows: Fields[] = await db
        .select()
        .from(table)
        .where(inArray(key, [...ids]))
        .orderBy(key)
        .for('update')
      return new Map(rows.map((row) => [row[key.name] as RowId, conceal(row)]))
    },
  }
}

const same = (row: Fields): Fields => row

/** The rows of a table of links, as one list per owner. */
export function trackedLinks(table: PgTable, owner: PgColumn, member: PgColumn): TrackedRows {
  return {
    table: getTableName(table),
    async read(db, ids) {
      const rows = await db
        .select({ owner, member })
        .from(table)
        .where(inArray(owner, [...ids]))
        .orderBy(member)
      const members = new Map<unknown, unknown[]>(ids.map((id) => [id, []]))
      for (const row of rows) members.get(row.owner)?.push(row.member)
      return new Map(ids.map((id) => [id, { [member.name]: members.get(id) }]))
    },
  }
}
