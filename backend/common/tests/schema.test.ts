import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Email, Id, int, intEnum, name, nullable, Phone, Pks, Status, text } from '#backend/common/schema'

const accepts = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success

describe('an id', () => {
  test('is a number or its digits', () => {
    expect(Id.parse(5)).toBe(5)
    expect(Id.parse('5')).toBe(5)
    expect(Id.parse(' 5 ')).toBe(5)
    expect(Id.parse('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER)
  })

  test.each([
    '1e3',
    '0x10',
    '1.0',
    '1,000',
    '',
    ' ',
    '五',
    '0',
    '-1',
    '+-1',
    0,
    -1,
    1.5,
    null,
    true,
    [5],
    {},
    Infinity,
  ])('is not %j', (value) => {
    expect(accepts(Id, value)).toBe(false)
  })

  test('beyond what a number can hold is refused once, never rounded', () => {
    for (const value of ['9007199254740992', '9007199254740993', '9999999999999999999', '1'.repeat(30), 2 ** 53]) {
      const { error } = Id.safeParse(value)
      expect(error?.issues).toHaveLength(1)
    }
  })
})

describe('a whole number', () => {
  test('keeps its bounds', () => {
    const percent = int(0, 100)
    for (const value of [0, '100', '+7']) expect(accepts(percent, value)).toBe(true)
    for (const value of [-1, '101', '1e1', '7.5']) expect(accepts(percent, value)).toBe(false)
    expect(int().parse('-9007199254740991')).toBe(Number.MIN_SAFE_INTEGER)
    expect(accepts(int(), '-9007199254740993')).toBe(false)
  })

  test('of a set is one of them, also as text', () => {
    const schema = intEnum([0, 1, 4])
    expect([schema.parse(4), schema.parse('4'), Status.parse('0')]).toEqual([4, 4, 0])
    for (const value of [2, '2', true, null, '', '0.0', 'enabled']) {
      expect(accepts(schema, value)).toBe(false)
      expect(accepts(Status, value)).toBe(false)
    }
  })
})

describe('an optional field of a full replacement', () => {
  const schema = z.object({ note: nullable(text(5)), dept_id: nullable(Id) })

  test('is null when it is absent, null or cleared', () => {
    for (const body of [{}, { note: null, dept_id: null }, { note: '', dept_id: '' }, { note: undefined }])
      expect(schema.parse(body)).toEqual({ note: null, dept_id: null })
  })

  test('is checked when it is there', () => {
    expect(schema.parse({ note: 'x', dept_id: '3' })).toEqual({ note: 'x', dept_id: 3 })
    for (const body of [{ note: 'longer' }, { note: 5 }, { dept_id: 0 }, { dept_id: 'x' }])
      expect(accepts(schema, body)).toBe(false)
  })
})

describe('the ids of a bulk deletion', () => {
  test('count once, in their order, as numbers', () => {
    expect(Pks.parse({ pks: [3, '1', 3, '3', 1, 2] })).toEqual({ pks: [3, 1, 2] })
  })

  test('are at least one and at most a thousand', () => {
    const ids = (length: number) => ({ pks: Array.from({ length }, (_, index) => index + 1) })
    expect([accepts(Pks, ids(1)), accepts(Pks, ids(1000))]).toEqual([true, true])
    for (const body of [ids(0), ids(1001), {}, { pks: null }, { pks: 5 }, { pks: '5' }, { pks: [0] }, { pks: [[1]] }])
      expect(accepts(Pks, body)).toBe(false)
  })
})

describe('text', () => {
  test('is bounded and holds no NUL', () => {
    expect([accepts(text(3), 'abc'), accepts(text(3), ''), accepts(text(3), 'abcd')]).toEqual([true, true, false])
    expect(accepts(text(9), 'a\0b')).toBe(false)
  })

  test('that is a name is not blank', () => {
    expect(name(9).parse(' 财务 ')).toBe(' 财务 ')
    for (const blank of ['', ' ', '\t\n', '\u3000']) expect(accepts(name(9), blank)).toBe(false)
  })
})

test('a phone number and an e-mail address have the form of one', () => {
  for (const phone of ['13800138000', '19912345678']) expect(accepts(Phone, phone)).toBe(true)
  for (const phone of ['12800138000', '1380013800', '138001380000', '+8613800138000', '13800138000\n', 13800138000])
    expect(accepts(Phone, phone)).toBe(false)
  for (const email of ['a@b.cn', 'first.last+tag@example.com']) expect(accepts(Email, email)).toBe(true)
  for (const email of ['a', 'a@b', '@b.cn', 'a b@c.cn', `${'a'.repeat(255)}@b.cn`])
    expect(accepts(Email, email)).toBe(false)
})
