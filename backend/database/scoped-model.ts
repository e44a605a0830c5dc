import { getTableColumns } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'

/** Types that a rule's value may have. */
export type RuleType = 'int' | 'bool' | 'string' | 'time'

export interface RuleColumn {
  readonly column: PgColumn
  readonly type: RuleType
  /** What administrators read beside the column's name. */
  readonly comment: string
}

/** A table whose rows are subject to data rules. */
export interface ScopedModel<N extends string = string> {
  readonly name: N
  readonly table: PgTable
  readonly columns: Readonly<Record<string, RuleColumn>>
  /** Columns behind the variables that rules for every model use. */
  readonly variables: Readonly<Record<ColumnVariable, string | undefined>>
}

export const COLUMN_VARIABLES = ['__dept_id__', '__created_by__'] as const
export type ColumnVariable = (typeof COLUMN_VARIABLES)[number]

export interface ScopedModelOptions<T extends PgTable> {
  /** Columns that rules may use, with their comments. */
  columns: Partial<Record<keyof T['_']['columns'] & string, string>>
  /** The column that holds the owning department: what `__dept_id__` means. */
  dept_column?: keyof T['_']['columns'] & string
  /** The column that holds the author's user id: what `__created_by__` means. */
  owner_column?: keyof T['_']['columns'] & string
}

/** Declares, beside its table, that a model takes part in row permissions. `name` is shown to administrators. */
export function scopedModel<N extends string, T extends PgTable>(
  name: N,
  table: T,
  { columns, dept_column, owner_column }: ScopedModelOptions<T>,
): ScopedModel<N> {
  const all: Record<string, PgColumn> = getTableColumns(table)
  const declared = Object.entries<string | undefined>(columns).map(([key, comment = key]): [string, RuleColumn] => {
    const column = all[key]
    if (column === undefined) throw new Error(`scoped model ${name}: no column ${key}`)
    const type = ruleType(column.getSQLType())
    if (type === undefined) throw new Error(`scoped model ${name}: ${key} has no type that a rule's value can have`)
    return [key, { column, type, comment }]
  })
  for (const needed of [dept_column, owner_column])
    if (needed !== undefined && columns[needed] === undefined)
      throw new Error(`scoped model ${name}: ${needed} must be among its columns`)
  return {
    name,
    table,
    columns: Object.fromEntries(declared),
    variables: { __dept_id__: dept_column, __created_by__: owner_column },
  }
}

/** A scoped model each of whose rows belongs to whoever made it. */
export interface OwnedModel<N extends string = string, O extends string = string, D extends string = string>
  extends ScopedModel<N> {
  readonly owner_column: O
  readonly dept_column: D
}

/** As `scopedModel`, with both variables' columns set from the actor who makes a row (`ownedBy`) and never after. */
export function ownedModel<
  N extends string,
  T extends PgTable,
  O extends keyof T['_']['columns'] & string,
  D extends keyof T['_']['columns'] & string,
>(name: N, table: T, options: ScopedModelOptions<T> & { owner_column: O; dept_column: D }): OwnedModel<N, O, D> {
  const { owner_column, dept_column } = options
  return { ...scopedModel(name, table, options), owner_column, dept_column }
}

/** The declared column that a rule names, directly or by a variable. */
export function ruleColumn(model: ScopedModel, key: string): RuleColumn | undefined {
  const name = isVariable(key) ? model.variables[key] : key
  return name !== undefined && Object.hasOwn(model.columns, name) ? model.columns[name] : undefined
}

function isVariable(key: string): key is ColumnVariable {
  return (COLUMN_VARIABLES as readonly string[]).includes(key)
}

/** Undefined for a type whose values could not be checked when a rule is saved: its rules would fail as queries. */
function ruleType(sqlType: string): RuleType | undefined {
  if (sqlType.endsWith(']')) return undefined
  if (/^(bigint|integer|smallint|(big|small)?serial)$/.test(sqlType)) return 'int'
  if (sqlType === 'boolean') return 'bool'
  if (sqlType.startsWith('timestamp')) return 'time'
  return /^(text|varchar|char)\b/.test(sqlType) ? 'string' : undefined
}
