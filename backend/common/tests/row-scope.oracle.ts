import type { ActorPlan, ModelName } from '#backend/common/tests/row-scope.arbitrary'
import type { ActorRule } from '#backend/core/actor'

/** A comparable value; a time is milliseconds since the epoch; null has no value. */
export type Value = number | string | boolean | null
/** One operand of a rule, before the actor is known. */
export type Operand = { literal: Value } | { variable: 'user_id' | 'dept_id' | 'dept_tree' | 'now' }

/** A rule as it is stored, with what it means; `operands` is undefined for one that means nothing. */
export interface PlannedRule {
  stored: ActorRule
  operands: Operand[] | undefined
}

/** A row with the times that the database reads from its text. */
export type Row = { id: number } & Record<string, unknown>

/**
 * Who sees what, in memory, by the definition and not by the code: a row is visible where a rule that targets its model
 * (or every model) matches; AND-rules of a scope must all hold, OR-rules add alternatives, scopes are united.
 */
export function visibleIds(model: ModelName, rows: readonly Row[], actor: ActorPlan): number[] {
  return rows
    .filter((row) => actor.is_superuser || !actor.is_filtered || actor.scopes.some((scope) => shows(scope, row)))
    .map(({ id }) => id)
    .sort((a, b) => a - b)

  function shows(scope: readonly PlannedRule[], row: Row): boolean {
    const targeting = scope.filter(({ stored }) => stored.model === model || stored.model === '__ALL__')
    const ors = targeting.filter(({ stored }) => stored.operator === 1)
    const rest = targeting.filter(({ stored }) => stored.operator !== 1)
    if (ors.some((rule) => matches(model, rule, row, actor))) return true
    return rest.length > 0 && rest.every((rule) => rule.stored.operator === 0 && matches(model, rule, row, actor))
  }
}

const VARIABLE_COLUMNS: Record<ModelName, Record<string, string>> = {
  Dept: { __dept_id__: 'id' },
  User: { __dept_id__: 'dept_id', __created_by__: 'id' },
}

export const RULE_COLUMNS: Record<ModelName, Record<'int' | 'bool' | 'string' | 'time', readonly string[]>> = {
  Dept: {
    int: ['id', 'status', 'sort', 'parent_id'],
    bool: [],
    string: ['name', 'leader', 'phone', 'email'],
    time: ['created_time'],
  },
  User: {
    int: ['id', 'status', 'dept_id'],
    bool: ['is_superuser', 'is_staff'],
    string: ['username', 'nickname', 'email', 'phone'],
    time: ['join_time', 'last_login_time', 'created_time'],
  },
}

function matches(model: ModelName, { stored, operands }: PlannedRule, row: Row, actor: ActorPlan): boolean {
  const column = VARIABLE_COLUMNS[model][stored.column] ?? stored.column
  const isTime = RULE_COLUMNS[model].time.includes(column)
  if (operands === undefined || !Object.values(RULE_COLUMNS[model]).flat().includes(column)) return false
  const cell = (row[column] ?? null) as Value
  const value = isTime && typeof cell === 'string' ? shanghai(cell) : cell
  return holds(
    value,
    stored.expression,
    operands.flatMap((operand) => valuesOf(operand, actor)),
  )
}

/** A comparison with what has no value never holds. */
function holds(value: Value, expression: number, operands: readonly Value[]): boolean {
  if (value === null) return false
  if (expression === 6) return operands.some((operand) => operand === value)
  if (expression === 7) return operands.every((operand) => operand !== null && operand !== value)
  const [operand = null] = operands
  if (operand === null) return false
  switch (expression) {
    case 0:
      return value === operand
    case 1:
      return value !== operand
    case 2:
      return value > operand
    case 3:
      return value >= operand
    case 4:
      return value < operand
    case 5:
      return value <= operand
    default:
      return false
  }
}

function valuesOf(operand: Operand, { user_id, dept }: ActorPlan): Value[] {
  if ('literal' in operand) return [operand.literal]
  switch (operand.variable) {
    case 'user_id':
      return [user_id]
    case 'dept_id':
      return [dept?.id ?? null]
    case 'dept_tree':
      // Of a department that is gone there is no tree, so the variable has no value.
      return dept === null || dept.tree.length === 0 ? [null] : dept.tree
    case 'now':
      return [Date.now()]
  }
}

/** The moment that `YYYY-MM-DD HH:mm:ss` is in the zone of the test's connection. */
function shanghai(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}+08:00`)
}
