import { and, eq, gt, gte, inArray, lt, lte, ne, notInArray, or, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { RULE_EXPRESSION, RULE_OPERATOR } from '#backend/common/enums'
import { Forbidden } from '#backend/common/errors'
import { isListExpression, parseRuleValue, type RuleLiteral, type RuleOperand } from '#backend/common/rule-value'
import type { Actor, ActorRule, ActorScope } from '#backend/core/actor'
import { type OwnedModel, type RuleType, ruleColumn, type ScopedModel } from '#backend/database/scoped-model'

export const ALL_MODELS = '__ALL__'

/** The rows of one model that an actor may see, change and delete. Queries of a scoped model demand one. */
export interface RowScope<N extends string = string> {
  readonly model: N
  /** Undefined: every row. */
  readonly where: SQL | undefined
}

// By the model itself: one of a plugin may come back under its name with other columns.
const compiled = new WeakMap<Actor, Map<ScopedModel, RowScope>>()

/** The rows of `model` that `actor` may touch; compiled once per actor. */
export function scopeOf<N extends string>(actor: Actor, model: ScopedModel<N>): RowScope<N> {
  const scopes = compiled.get(actor) ?? new Map<ScopedModel, RowScope>()
  compiled.set(actor, scopes)
  const known = scopes.get(model)
  if (known !== undefined) return known as RowScope<N>
  const scope: RowScope<N> = { model: model.name, where: compileScope(actor, model) }
  scopes.set(model, scope)
  return scope
}

/** Every row of a model: for checks that must see what the actor may not, such as whether a name is taken. */
export function everyRow<N extends string>(model: ScopedModel<N>): RowScope<N> {
  return { model: model.name, where: undefined }
}

/**
 * Takes what the author's scope gives of a row just written: nobody puts a row where they could not see it. Within the
 * transaction of the write, so that the refusal undoes it.
 */
export function assertSeen<T>(row: T | undefined): T {
  if (row === undefined) throw new Forbidden('error.forbidden')
  return row
}

/** The values of a new row's owner columns. They are spread last, so that nothing sent by a client takes their place. */
export function ownedBy<O extends string, D extends string>(
  actor: Actor,
  model: OwnedModel<string, O, D>,
): Record<O | D, number | null> {
  // What the product itself makes has no author.
  const author = actor.kind === 'user' ? actor.user_id : null
  return { [model.owner_column]: author, [model.dept_column]: actor.dept_id } as Record<O | D, number | null>
}

const NO_ROW = sql`false`
const OPERATORS: ReadonlySet<number> = new Set(Object.values(RULE_OPERATOR))

/**
 * Scopes are united: having one more never hides a row. Within a scope the AND-rules must all hold and each OR-rule
 * adds an alternative. Rules for other models do not count; without a rule for this one there is no row.
 */
function compileScope(actor: Actor, model: ScopedModel): SQL | undefined {
  if (actor.is_superuser || !actor.is_filtered) return undefined
  const conditions = actor.scopes.map((scope) => compileRules(actor, model, scope)).filter((one) => one !== undefined)
  return or(...conditions) ?? NO_ROW
}

function compileRules(actor: Actor, model: ScopedModel, scope: ActorScope): SQL | undefined {
  const applicable = scope.rules.filter((rule) => rule.model === model.name || rule.model === ALL_MODELS)
  // An operator that is neither, of an old database, must hold like AND and never does: to leave it out could widen.
  const isAlternative = (rule: ActorRule) => rule.operator === RULE_OPERATOR.or
  const compile = (rule: ActorRule) => compileRule(actor, model, rule)
  const demands = applicable.filter((rule) => !isAlternative(rule)).map(compile)
  return or(and(...demands), ...applicable.filter(isAlternative).map(compile))
}

/** A rule that cannot be compiled for this model or actor matches nothing. */
function compileRule(actor: Actor, model: ScopedModel, rule: ActorRule): SQL {
  const target = ruleColumn(model, rule.column)
  if (target === undefined || !OPERATORS.has(rule.operator)) return NO_ROW
  const operands = parseRuleValue(target.type, rule.expression, rule.value)
  if (!Array.isArray(operands)) return NO_ROW
  const values = operands.flatMap((operand) => valuesOf(actor, operand))
  const given = values.filter((value) => value !== null)
  // A variable without a value (somebody without a department) is no alternative of an `in`, and makes all else match
  // nothing, as NULL does: left out of a `not in` it would widen it.
  if (given.length < values.length && rule.expression !== RULE_EXPRESSION.in) return NO_ROW
  if (given.length === 0) return NO_ROW
  if (target.type === 'int' && isListExpression(rule.expression))
    return compareWithList(target.column, rule.expression, given)
  return compare(target.column, rule.expression, given.map(bindAs(target.type))) ?? NO_ROW
}

/** As one parameter: a tree may have more departments than a query can have. */
function compareWithList(column: PgColumn, expression: number, values: readonly unknown[]): SQL {
  const list = sql`${`{${values.join()}}`}::bigint[]`
  return expression === RULE_EXPRESSION.in ? sql`${column} = any(${list})` : sql`${column} <> all(${list})`
}

/**
 * A number is bound as bigint: one beyond the column's range is a comparison that can be answered, not an error. A time
 * is bound as what its text says, whatever the column makes of one in JavaScript.
 */
const bindAs =
  (type: RuleType) =>
  (value: RuleLiteral | SQL): RuleLiteral | SQL => {
    if (type === 'int') return sql`${value}::bigint`
    return type === 'time' ? sql`${value}::timestamptz` : value
  }

function valuesOf(actor: Actor, operand: RuleOperand): (RuleLiteral | SQL | null)[] {
  if ('literal' in operand) return [operand.literal]
  switch (operand.variable) {
    case '${user_id}':
      return [actor.user_id]
    case '${dept_id}':
      return [actor.dept_id]
    case '${dept_tree}':
      return actor.dept_tree.length === 0 ? [null] : [...actor.dept_tree]
    case '${now}':
      // Not `now()`, which stands still in a transaction: what it has just made would not be of the past.
      return [sql`statement_timestamp()`]
  }
}

function compare(column: PgColumn, expression: number, values: (RuleLiteral | SQL)[]): SQL | undefined {
  const [value] = values
  if (value === undefined) return undefined
  switch (expression) {
    case RULE_EXPRESSION.eq:
      return eq(column, value)
    case RULE_EXPRESSION.ne:
      return ne(column, value)
    case RULE_EXPRESSION.gt:
      return gt(column, value)
    case RULE_EXPRESSION.ge:
      return gte(column, value)
    case RULE_EXPRESSION.lt:
      return lt(column, value)
    case RULE_EXPRESSION.le:
      return lte(column, value)
    case RULE_EXPRESSION.in:
      return inArray(column, values)
    case RULE_EXPRESSION.not_in:
      return notInArray(column, values)
    default:
      return undefined
  }
}
