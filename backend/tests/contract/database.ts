import { readFileSync } from 'node:fs'

export interface TableFacts {
  columns: Record<string, { type: string; nullable: boolean; default?: string }>
  primary_key: { name: string; columns: string[] }
  /** by name, in the index's column order; the primary key's is not among them */
  unique_indexes: Record<string, string[]>
  indexes: Record<string, string[]>
}

const file = readFileSync(new URL('./database.json', import.meta.url), 'utf8')

/** The tables that a database to be taken over has, by name. */
export const contractTables: Record<string, TableFacts> = (JSON.parse(file) as { tables: Record<string, TableFacts> })
  .tables

/** The statements that make such a database. */
export function contractDdl(): string[] {
  return Object.entries(contractTables).flatMap(([table, { columns, primary_key, unique_indexes, indexes }]) => [
    `create sequence ${table}_id_seq`,
    `create table ${table} (${[
      ...Object.entries(columns).map(
        ([name, column]) =>
          `"${name}" ${column.type}${column.nullable ? '' : ' not null'}${column.default ? ` default ${column.default}` : ''}`,
      ),
      `constraint ${primary_key.name} primary key (${primary_key.columns.join(', ')})`,
    ].join(', ')})`,
    `alter sequence ${table}_id_seq owned by ${table}.id`,
    ...Object.entries(unique_indexes).map(([name, of]) => `create unique index ${name} on ${table} (${of.join(', ')})`),
    ...Object.entries(indexes).map(([name, of]) => `create index ${name} on ${table} (${of.join(', ')})`),
  ])
}
