import { getTableColumns, getTableName, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { Db } from '#backend/database/db'

/** Throws where a model has a column that its table has not: each of its queries would fail. */
export async function assertColumns(db: Db, tables: readonly PgTable[]): Promise<void> {
  for (const table of tables) {
    const name = getTableName(table)
    const rows = await db.execute<{ column: string }>(sql`
      select column_name as column from information_schema.columns
      where table_schema = current_schema() and table_name = ${name}`)
    const there = new Set(rows.map(({ column }) => column))
    const missing = Object.values(getTableColumns(table)).find((column) => !there.has(column.name))
    if (missing !== undefined) throw new Error(`its migrations make no column ${missing.name} of the table ${name}`)
  }
}
