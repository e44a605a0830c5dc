import fc from 'fast-check'
import { type Operand, type PlannedRule, RULE_COLUMNS, type Value } from '#backend/common/tests/row-scope.oracle'

export type ModelName = 'Dept' | 'User'
type RuleType = 'int' | 'bool' | 'string' | 'time'

export interface ActorPlan {
  user_id: number
  dept: { id: number; tree: number[] } | null
  is_superuser: boolean
  is_filtered: boolean
  scopes: PlannedRule[][]
}

// Few values, so that rows and rules meet often.
const ID_MAX = 6
export const anId = fc.integer({ min: 1, max: ID_MAX })
const or_null = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3 })
const WORDS = ['a', 'A', 'b', "o'x", '%', '财务', '${', 'true', '1', 'é']
const word = fc.constantFrom(...WORDS)
/** Long ago or far ahead, so that "now" is not among them. */
const TIMES = ['2020-01-01 00:00:00', '2024-02-29 07:59:59', '2024-02-29 08:00:00', '2090-12-31 23:59:59'] as const
const time: fc.Arbitrary<string> = fc.constantFrom(...TIMES)
const status: fc.Arbitrary<number> = fc.constantFrom(0, 1)

export const aDept = fc.record({
  id: anId,
  name: word,
  sort: fc.integer({ min: 0, max: 3 }),
  leader: or_null(word),
  phone: or_null(word),
  email: or_null(word),
  status,
  parent_id: or_null(anId),
  created_time: time,
})

export const aUser = fc
  .record({
    id: anId,
    nickname: word,
    phone: or_null(word),
    hasEmail: fc.boolean(),
    status,
    is_superuser: fc.boolean(),
    is_staff: fc.boolean(),
    join_time: time,
    last_login_time: or_null(time),
    dept_id: or_null(anId),
    created_time: time,
  })
  // Both are unique in the table.
  .map(({ hasEmail, ...row }) => ({ ...row, username: `u${row.id}`, email: hasEmail ? `e${row.id}` : null }))

export type DeptRow = typeof aDept extends fc.Arbitrary<infer T> ? T : never
export type UserRow = typeof aUser extends fc.Arbitrary<infer T> ? T : never
export type World = { depts: DeptRow[]; users: UserRow[] }

const rowsOf = <T extends { id: number }>(row: fc.Arbitrary<T>) =>
  fc.uniqueArray(row, { selector: (one) => one.id, maxLength: ID_MAX })
export const aWorld: fc.Arbitrary<World> = fc.record({ depts: rowsOf(aDept), users: rowsOf(aUser) })

/** A text that a rule may hold, and what it means. */
interface Part {
  text: string
  operand: Operand
}
const literal = (text: string, value: Value): Part => ({ text, operand: { literal: value } })
const variable = (name: 'user_id' | 'dept_id' | 'dept_tree' | 'now'): Part => ({
  text: `\${${name}}`,
  operand: { variable: name },
})

const NUMBERS = [...Array(ID_MAX + 1).keys(), -1, 2_147_483_648, Number.MAX_SAFE_INTEGER]
const moment = (text: string) => Date.parse(text)
const PARTS: Record<RuleType, Part[]> = {
  int: [
    ...NUMBERS.map((number) => literal(String(number), number)),
    literal('+2', 2),
    literal('003', 3),
    variable('user_id'),
    variable('user_id'),
    variable('dept_id'),
    variable('dept_id'),
  ],
  bool: [literal('true', true), literal('1', true), literal('FALSE', false), literal('0', false)],
  string: [...WORDS, 'u1', 'u2', 'e1', 'e3', '${ ', 'null'].map((text) => literal(text.trim(), text.trim())),
  time: [
    literal('2024-02-29', moment('2024-02-29T00:00+08:00')),
    literal('2024-02-29 08:00', moment('2024-02-29T08:00+08:00')),
    literal('2024-02-29T00:00:00Z', moment('2024-02-29T00:00Z')),
    literal('2024-02-28 18:59:59-0500', moment('2024-02-28T18:59:59-05:00')),
    literal('2090-12-31 23:59:59.000', moment('2090-12-31T23:59:59+08:00')),
    literal('2020-01-01', moment('2020-01-01T00:00+08:00')),
    variable('now'),
  ],
}
const LIST_PARTS: Record<RuleType, Part[]> = {
  ...PARTS,
  int: [...PARTS.int, ...Array.from({ length: 6 }, () => variable('dept_tree'))],
}
/** What none of the columns of a type can be compared with, alone or in a list. */
const GARBAGE: Record<RuleType, string[]> = {
  int: ['x', '1.5', '1e3', '0x1', '${now}', '99999999999999999999', '${nothing}', '1 2', 'true'],
  bool: ['yes', '2', 'constructor', '__proto__', '${user_id}', 'truefalse'],
  string: ['${user_id}', '${dept_tree}', '${now}', '${nothing}', '${}'],
  time: [
    '2024-02-30',
    '2023-02-29',
    'now',
    '2024-01-01 00:00+16:00',
    '0000-01-01',
    '2024-13-01',
    '${dept_id}',
    '08:00',
  ],
}

type Written = { expression: number; value: string; operands: Operand[] | undefined }

function written(type: RuleType): fc.Arbitrary<Written> {
  // How text is ordered depends on the database's collation, and of yes and no there is no order.
  const hasOrder = type === 'int' || type === 'time'
  const one = fc
    .record({
      expression: fc.constantFrom(...(hasOrder ? [0, 1, 2, 3, 4, 5] : [0, 1])),
      part: fc.constantFrom(...PARTS[type]),
    })
    .map(({ expression, part }): Written => ({ expression, value: part.text, operands: [part.operand] }))
  const list = fc
    .record({
      expression: fc.constantFrom(6, 7),
      parts: fc.array(fc.constantFrom(...LIST_PARTS[type]), { minLength: 1, maxLength: 4 }),
      glue: fc.constantFrom(',', ' , ', ',,'),
    })
    .map(
      ({ expression, parts, glue }): Written => ({
        expression,
        value: parts.map(({ text }) => text).join(glue),
        operands: parts.map(({ operand }) => operand),
      }),
    )
  const broken = fc
    .record({
      expression: fc.integer({ min: 0, max: 7 }),
      good: fc.constantFrom(...PARTS[type]),
      bad: fc.constantFrom(...GARBAGE[type]),
    })
    .map(
      ({ expression, good, bad }): Written => ({
        expression,
        value: expression > 5 ? `${good.text},${bad}` : bad,
        operands: undefined,
      }),
    )
  const unfit = fc.constantFrom<Written>(
    { expression: 8, value: PARTS[type][0]?.text ?? '', operands: undefined },
    { expression: -1, value: PARTS[type][0]?.text ?? '', operands: undefined },
    { expression: 6, value: ' , ', operands: undefined },
    type === 'bool'
      ? { expression: 2, value: 'true', operands: undefined }
      : { expression: 7, value: '', operands: undefined },
  )
  return fc.oneof(
    { arbitrary: one, weight: 8 },
    { arbitrary: list, weight: 6 },
    { arbitrary: broken, weight: 1 },
    { arbitrary: unfit, weight: 1 },
  )
}

const UNKNOWN_COLUMNS = ['nothing', 'password', 'constructor', '__proto__', '', 'ID']
const operator = fc.oneof({ arbitrary: fc.constantFrom(0, 1), weight: 19 }, { arbitrary: fc.constant(2), weight: 1 })

/** A rule for exactly this model: any of its columns and variables, or one that is none. */
export function aRule(model: ModelName | '__ALL__' | 'Other'): fc.Arbitrary<PlannedRule> {
  const withColumn = (type: RuleType, names: readonly string[]) =>
    fc.record({ column: fc.constantFrom(...names), written: written(type), operator }).map(
      ({ column, operator, written: { operands, ...rest } }): PlannedRule => ({
        stored: { model, column, operator, ...rest },
        operands,
      }),
    )
  const variables = { arbitrary: withColumn('int', ['__dept_id__', '__created_by__']), weight: 3 }
  const unknown = { arbitrary: withColumn('int', UNKNOWN_COLUMNS), weight: 1 }
  // Columns that both models declare, with the same type; a rule for every model may name one in an old database.
  if (model === '__ALL__' || model === 'Other')
    return fc.oneof(
      { ...variables, weight: 8 },
      { arbitrary: withColumn('int', ['id', 'status']), weight: 2 },
      { arbitrary: withColumn('string', ['email', 'phone']), weight: 1 },
      unknown,
    )
  const declared = Object.entries(RULE_COLUMNS[model])
    .filter(([, names]) => names.length > 0)
    .map(([type, names]) => ({ arbitrary: withColumn(type as RuleType, names), weight: names.length }))
  return fc.oneof(...declared, variables, unknown)
}

export const aScope: fc.Arbitrary<PlannedRule[]> = fc.array(
  fc.oneof(
    { arbitrary: aRule('Dept'), weight: 3 },
    { arbitrary: aRule('User'), weight: 3 },
    { arbitrary: aRule('__ALL__'), weight: 2 },
    { arbitrary: aRule('Other'), weight: 1 },
  ),
  { maxLength: 5 },
)

export const anActor: fc.Arbitrary<ActorPlan> = fc.record({
  user_id: anId,
  dept: fc.option(
    fc
      .record({ id: anId, below: fc.uniqueArray(anId, { maxLength: 3 }) })
      .map(({ id, below }) => ({ id, tree: [...new Set([id, ...below])] })),
    { freq: 4 },
  ),
  is_superuser: fc.oneof({ arbitrary: fc.constant(false), weight: 15 }, { arbitrary: fc.constant(true), weight: 1 }),
  is_filtered: fc.oneof({ arbitrary: fc.constant(true), weight: 12 }, { arbitrary: fc.constant(false), weight: 1 }),
  scopes: fc.array(aScope, { maxLength: 3 }),
})
