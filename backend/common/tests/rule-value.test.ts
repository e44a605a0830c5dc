import { describe, expect, test } from 'vitest'
import { parseRuleValue } from '#backend/common/rule-value'
import type { RuleType } from '#backend/database/scoped-model'

const EQ = 0
const GT = 2
const IN = 6
const NOT_IN = 7
const literal = (value: unknown) => ({ literal: value })

describe('a single value', () => {
  test.each<[RuleType, string, unknown]>([
    ['int', '0', 0],
    ['int', '-12', -12],
    ['int', '+7', 7],
    ['int', ' 42 ', 42],
    ['int', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['bool', 'true', true],
    ['bool', 'False', false],
    ['bool', '1', true],
    ['bool', ' 0 ', false],
    ['string', '', ''],
    ['string', ' spaces count ', ' spaces count '],
    ['string', 'a,b', 'a,b'],
    ['string', '100', '100'],
    ['string', '$100', '$100'],
    ['string', 'costs ${much}', 'costs ${much}'],
    ['time', '2024-02-29', '2024-02-29'],
    ['time', ' 2024-05-01 07:30 ', '2024-05-01 07:30'],
    ['time', '2024-05-01 23:59:59', '2024-05-01 23:59:59'],
    ['time', '2024-05-01T07:30:00.123456Z', '2024-05-01T07:30:00.123456Z'],
    ['time', '2024-05-01 07:30:00+0800', '2024-05-01 07:30:00+0800'],
    ['time', '2024-05-01 07:30-15:59', '2024-05-01 07:30-15:59'],
  ])('of type %s may be "%s"', (type, value, read) => {
    expect(parseRuleValue(type, EQ, value)).toEqual([literal(read)])
  })

  test.each<[RuleType, string]>([
    ['int', ''],
    ['int', 'x'],
    ['int', '1.5'],
    ['int', '1e3'],
    ['int', '0x10'],
    ['int', '1 2'],
    ['int', '1,2'],
    ['int', '٣'],
    ['int', '9007199254740992'],
    ['int', 'true'],
    ['bool', ''],
    ['bool', 'yes'],
    ['bool', '2'],
    ['bool', 'constructor'],
    ['bool', '__proto__'],
    ['string', 'a\0b'],
    ['time', ''],
    ['time', 'now'],
    ['time', 'infinity'],
    ['time', '2024-02-30'],
    ['time', '2023-02-29'],
    ['time', '2024-04-31'],
    ['time', '2024-13-01'],
    ['time', '2024-00-10'],
    ['time', '2024-01-00'],
    ['time', '0000-01-01'],
    ['time', '24-01-01'],
    ['time', '2024-1-1'],
    ['time', '2024-01-01 24:00'],
    ['time', '2024-01-01 10:60'],
    ['time', '2024-01-01 10:00+16:00'],
    ['time', '2024-01-01 10:00+08:60'],
    ['time', '2024-01-01 10:00 Asia/Shanghai'],
    ['time', '2024-01-01Z'],
    ['time', '1714548600'],
  ])('of type %s may not be "%s"', (type, value) => {
    expect(parseRuleValue(type, EQ, value)).toEqual({ key: 'data_rule.value_unfit', params: { type } })
  })

  test('may be a variable of the column’s type', () => {
    expect(parseRuleValue('int', EQ, '${user_id}')).toEqual([{ variable: '${user_id}' }])
    expect(parseRuleValue('int', GT, ' ${dept_id} ')).toEqual([{ variable: '${dept_id}' }])
    expect(parseRuleValue('time', GT, '${now}')).toEqual([{ variable: '${now}' }])
  })

  test.each<[RuleType, string]>([
    ['int', '${now}'],
    ['time', '${user_id}'],
    ['bool', '${user_id}'],
    ['string', '${user_id}'],
    ['string', ' ${dept_id} '],
    ['int', '${DEPT_ID}'],
    ['int', '${dept_id'],
    ['string', '${dept}'],
    ['string', '${}'],
    ['string', '${user\nid}'],
  ])('of type %s may not be the variable %s', (type, value) => {
    expect(parseRuleValue(type, EQ, value)).toMatchObject({ key: 'data_rule.value_unfit' })
  })
})

describe('a list', () => {
  test('is separated by commas, spaces and empty parts aside', () => {
    for (const expression of [IN, NOT_IN]) {
      expect(parseRuleValue('int', expression, '1, 2 ,3')).toEqual([1, 2, 3].map(literal))
      expect(parseRuleValue('int', expression, '1,2,')).toEqual([1, 2].map(literal))
      expect(parseRuleValue('string', expression, ',a,, b c ,')).toEqual(['a', 'b c'].map(literal))
    }
  })

  test('of one is a list', () => {
    expect(parseRuleValue('int', IN, '5')).toEqual([literal(5)])
    expect(parseRuleValue('bool', IN, 'true')).toEqual([literal(true)])
  })

  test('is not empty', () => {
    for (const type of ['int', 'bool', 'string', 'time'] as const)
      for (const value of ['', ' ', ',', ' , ,'])
        expect(parseRuleValue(type, IN, value)).toEqual({ key: 'data_rule.list_empty' })
  })

  test('is as bad as its worst part', () => {
    expect(parseRuleValue('int', IN, '1,x,3')).toEqual({ key: 'data_rule.value_unfit', params: { type: 'int' } })
    expect(parseRuleValue('int', IN, '1;2')).toMatchObject({ key: 'data_rule.value_unfit' })
    expect(parseRuleValue('time', IN, '2024-02-29,2024-02-30')).toMatchObject({ key: 'data_rule.value_unfit' })
    expect(parseRuleValue('string', NOT_IN, 'a,${dept}')).toMatchObject({ key: 'data_rule.value_unfit' })
  })

  test('alone may hold the whole tree of departments', () => {
    expect(parseRuleValue('int', IN, '${dept_tree}, 9')).toEqual([{ variable: '${dept_tree}' }, literal(9)])
    expect(parseRuleValue('int', NOT_IN, '${dept_tree}')).toEqual([{ variable: '${dept_tree}' }])
    for (const expression of [0, 1, 2, 3, 4, 5])
      expect(parseRuleValue('int', expression, '${dept_tree}')).toMatchObject({ key: 'data_rule.value_unfit' })
    expect(parseRuleValue('string', IN, '${dept_tree}')).toMatchObject({ key: 'data_rule.value_unfit' })
  })
})

test('yes and no have no order', () => {
  for (const expression of [2, 3, 4, 5])
    expect(parseRuleValue('bool', expression, 'true')).toEqual({ key: 'data_rule.expression_unfit' })
  for (const expression of [0, 1, 6, 7]) expect(parseRuleValue('bool', expression, 'true')).toEqual([literal(true)])
})
