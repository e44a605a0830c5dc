import { RULE_EXPRESSION } from '#backend/common/enums'
import type { RuleType } from '#backend/database/scoped-model'
import type { MessageKey, MessageParams } from '#backend/locale/translate'

/** What `${...}` in a rule's value stands for. */
export const VALUE_VARIABLES = {
  '${user_id}': { type: 'int', list: false, comment: '当前用户 ID' },
  '${dept_id}': { type: 'int', list: false, comment: '当前用户部门 ID' },
  '${dept_tree}': { type: 'int', list: true, comment: '当前用户部门及其所有下级部门 ID（用于 in / not in）' },
  '${now}': { type: 'time', list: false, comment: '当前时间' },
} as const satisfies Record<string, { type: RuleType; list: boolean; comment: string }>
export type ValueVariable = keyof typeof VALUE_VARIABLES

export type RuleLiteral = number | boolean | string
/** One operand of a rule: a typed literal, or a variable that the actor fills in. */
export type RuleOperand = { literal: RuleLiteral } | { variable: ValueVariable }

export interface RuleProblem {
  key: MessageKey
  params?: MessageParams
}

export const isListExpression = (expression: number) =>
  expression === RULE_EXPRESSION.in || expression === RULE_EXPRESSION.not_in

const isComparison = (expression: number) => expression >= RULE_EXPRESSION.gt && expression <= RULE_EXPRESSION.le

/** Reads a rule's value as the column's type demands; the first problem when it cannot be read. */
export function parseRuleValue(type: RuleType, expression: number, value: string): RuleOperand[] | RuleProblem {
  if (type === 'bool' && isComparison(expression)) return { key: 'data_rule.expression_unfit' }
  const list = isListExpression(expression)
  const parts = list
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    : [value]
  if (parts.length === 0) return { key: 'data_rule.list_empty' }
  const operands = parts.map((part) => parseOperand(type, part, list))
  return operands.every((operand) => operand !== undefined)
    ? operands
    : { key: 'data_rule.value_unfit', params: { type } }
}

function parseOperand(type: RuleType, part: string, list: boolean): RuleOperand | undefined {
  const trimmed = part.trim()
  if (Object.hasOwn(VALUE_VARIABLES, trimmed)) {
    const variable = trimmed as ValueVariable
    const known = VALUE_VARIABLES[variable]
    return known.type === type && (list || !known.list) ? { variable } : undefined
  }
  // A misspelt variable is no text to compare with: `!=` would match every row.
  if (/^\$\{.*\}$/s.test(trimmed)) return undefined
  const literal = parseLiteral(type, part)
  return literal === undefined ? undefined : { literal }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

function parseLiteral(type: RuleType, part: string): RuleLiteral | undefined {
  const trimmed = part.trim()
  switch (type) {
    case 'int': {
      const number = Number(trimmed)
      return /^[+-]?\d+$/.test(trimmed) && Number.isSafeInteger(number) ? number : undefined
    }
    case 'bool':
      return BOOLEANS.get(trimmed.toLowerCase())
    case 'time':
      return isTime(trimmed) ? trimmed : undefined
    case 'string':
      return part.includes('\0') ? undefined : part
  }
}

/** `YYYY-MM-DD`, with an optional time and zone, that names a real day; no year 0 and no zone that PostgreSQL refuses. */
function isTime(text: string): boolean {
  const parts =
    /^(\d{4})-(\d\d)-(\d\d)(?:[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-5]):?[0-5]\d)?)?$/.exec(
      text,
    )
  if (parts === null || parts[1] === '0000') return false
  const [, year, month, day] = parts
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day)
}
