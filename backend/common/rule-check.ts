import { RULE_EXPRESSION, RULE_OPERATOR } from '#backend/common/enums'
import { ALL_MODELS } from '#backend/common/row-scope'
import { parseRuleValue, type RuleProblem } from '#backend/common/rule-value'
import type { ActorRule } from '#backend/core/actor'
import { COLUMN_VARIABLES, type RuleType, ruleColumn, type ScopedModel } from '#backend/database/scoped-model'

export interface RuleFault extends RuleProblem {
  field: keyof ActorRule
}

type Models = ReadonlyMap<string, ScopedModel>

/** What both column variables stand for are ids. */
const VARIABLE_TYPE: RuleType = 'int'
const OPERATORS: ReadonlySet<number> = new Set(Object.values(RULE_OPERATOR))
const EXPRESSIONS: ReadonlySet<number> = new Set(Object.values(RULE_EXPRESSION))

/** The first thing about a rule that keeps it from being saved. */
export function findRuleFault(models: Models, rule: ActorRule): RuleFault | undefined {
  const type = columnType(models, rule)
  if (typeof type !== 'string') return type
  if (!OPERATORS.has(rule.operator)) return { field: 'operator', key: 'data_rule.operator_unknown' }
  if (!EXPRESSIONS.has(rule.expression)) return { field: 'expression', key: 'data_rule.expression_unknown' }
  const problem = parseRuleValue(type, rule.expression, rule.value)
  if (Array.isArray(problem)) return undefined
  return { ...problem, field: problem.key === 'data_rule.expression_unfit' ? 'expression' : 'value' }
}

/**
 * The first thing about a stored rule that keeps it from ever matching a row. One for every model may name a real
 * column in an old database; it counts for the models that have that column.
 */
export function findIdleFault(models: Models, rule: ActorRule): RuleFault | undefined {
  const fault = findRuleFault(models, rule)
  if (fault === undefined || rule.model !== ALL_MODELS) return fault
  const faultFor = ({ name }: ScopedModel) => findRuleFault(models, { ...rule, model: name })
  return [...models.values()].some((model) => faultFor(model) === undefined) ? undefined : fault
}

function columnType(models: Models, { model: name, column }: ActorRule): RuleType | RuleFault {
  const unknown: RuleFault = { field: 'column', key: 'data_rule.column_unknown', params: { column } }
  if (name === ALL_MODELS) return COLUMN_VARIABLES.some((key) => key === column) ? VARIABLE_TYPE : unknown
  const model = models.get(name)
  if (model === undefined) return { field: 'model', key: 'data_rule.model_not_found' }
  return ruleColumn(model, column)?.type ?? unknown
}
