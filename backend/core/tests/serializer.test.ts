import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { zodSerializer } from '#backend/core/serializer'

const serializerOf = (schema: z.ZodType) => zodSerializer({ schema, method: 'GET', url: '/' })
const written = (schema: z.ZodType, value: unknown): unknown => JSON.parse(serializerOf(schema)(value))
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const Person = z.object({ name: z.string(), age: z.int() })
const Tree = z.object({
  id: z.int(),
  get children(): z.ZodNullable<z.ZodArray<typeof Tree>> {
    return z.array(Tree).nullable()
  },
})
const Chain = z.object({
  id: z.int(),
  get next(): z.ZodNullable<typeof Chain> {
    return Chain.nullable()
  },
})
const Shape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('round'), radius: z.number() }),
  z.object({ kind: z.literal('square'), side: z.number(), label: z.string().nullable() }),
])
const Named = z.object({ q: z.int() }).meta({ id: 'SerializerTestNamed' })
const ada = { name: 'Ada', age: 36 }

describe('a value of its schema is written as JSON.stringify would', () => {
  // biome-ignore format: one shape a line reads as the table it is
  const same: [string, z.ZodType, ...unknown[]][] = [
    ['objects and null', Person.nullable(), ada, null],
    ['nullable objects inside', z.object({ a: z.object({ b: Person.nullable() }).nullable() }), { a: null }, { a: { b: null } }, { a: { b: ada } }],
    ['nullable strings', z.object({ s: z.string().nullable() }), { s: null }, { s: '' }, { s: 'null' }],
    ['nullable numbers and booleans', z.object({ n: z.number().nullable(), b: z.boolean().nullable() }), { n: null, b: null }, { n: 0, b: false }],
    ['arrays of nullable', z.array(z.string().nullable()), [], [null, 'a', null]],
    ['nullable arrays of nullable objects', z.array(Person.nullable()).nullable(), null, [null, ada]],
    ['arrays of nullable arrays', z.array(z.array(z.int()).nullable()), [null, [1], []]],
    ['nullable twice', z.object({ s: z.string().nullable().describe('x').nullable() }), { s: null }, { s: 'x' }],
    ['optional fields', z.object({ s: z.string().optional(), o: Person.optional() }), {}, { s: undefined }, { s: 'x', o: ada }],
    ['nullish fields', z.object({ s: z.string().nullish() }), {}, { s: null }, { s: 'x' }],
    ['trees', Tree, { id: 1, children: null }, { id: 1, children: [{ id: 2, children: [] }, { id: 3, children: [{ id: 4, children: null }] }] }],
    ['nullable recursion', Chain, { id: 1, next: null }, { id: 1, next: { id: 2, next: { id: 3, next: null } } }],
    ['shapes with an id, used twice', z.object({ a: Named, b: Named.nullable(), c: z.array(Named) }), { a: { q: 1 }, b: null, c: [{ q: 2 }] }, { a: { q: 1 }, b: { q: 3 }, c: [] }],
    ['literals', z.object({ t: z.literal('a'), n: z.literal([0, 1]), b: z.literal(true), z: z.null() }), { t: 'a', n: 1, b: true, z: null }],
    ['nullable literals and enums', z.object({ t: z.literal(['a', 1]).nullable(), e: z.enum(['x', 'y']).nullable() }), { t: null, e: null }, { t: 1, e: 'y' }],
    ['a literal null among others', z.object({ t: z.literal(['a', null]) }), { t: 'a' }, { t: null }],
    ['unions of kinds', z.object({ u: z.union([z.string(), z.int(), z.null()]) }), { u: '1' }, { u: 1 }, { u: null }],
    ['nullable unions', z.object({ u: z.union([z.string(), z.array(Person)]).nullable() }), { u: 'x' }, { u: [ada] }, { u: null }],
    ['discriminated unions', z.array(Shape), [{ kind: 'round', radius: 1.5 }, { kind: 'square', side: 2, label: null }]],
    ['nullable discriminated unions', z.object({ u: Shape.nullable() }), { u: null }, { u: { kind: 'square', side: 2, label: 'x' } }],
    ['recursion and unknown within a union', z.union([z.string(), z.object({ next: Chain.nullable(), any: z.unknown().nullable() })]), 'x', { next: null, any: null }, { next: { id: 1, next: null }, any: { deep: [1] } }],
    ['records', z.record(z.string(), z.int()), {}, { a: 1, 'b"c\n': 2, 中: 3 }],
    ['records of nullable and of objects', z.object({ r: z.record(z.string(), Person.nullable()).nullable() }), { r: null }, { r: { a: null, b: ada } }],
    ['records with named keys', z.record(z.enum(['a', 'b']), z.int()), { a: 1, b: 2 }],
    ['anything', z.object({ u: z.unknown(), j: z.json() }), { u: { a: [1, null, 'x'] }, j: null }, { u: null, j: { k: [true] } }],
    ['tuples', z.tuple([z.string(), z.int().nullable()]), ['a', null], ['a', 1]],
    ['intersections', z.object({ i: z.intersection(Person, z.object({ id: z.int() })).nullable() }), { i: null }, { i: { ...ada, id: 1 } }],
    ['fields named as keywords of JSON Schema', z.object({ type: z.string(), enum: z.string().nullable(), anyOf: z.array(z.int()), format: z.string(), properties: z.boolean() }), { type: 'x', enum: null, anyOf: [1], format: 'y', properties: true }],
    ['fields with quotes and breaks in the name', z.object({ 'a"b': z.int(), "c'd\n": z.int(), 中: z.int() }), { 'a"b': 1, "c'd\n": 2, 中: 3 }],
    ['times and other formats as they are stored', z.object({ at: z.iso.datetime(), mail: z.email(), url: z.url() }), { at: '2024-01-02 03:04:05', mail: 'not "mail"', url: '\\' }],
    ['formats and bounds within a union', z.object({ u: z.union([z.email(), z.int().min(5)]) }), { u: 'not mail' }, { u: 1 }],
    ['numbers', z.array(z.number()), [0, -0, 1.5, -1e-7, 1e21, Number.MAX_SAFE_INTEGER, 5e-324, Number.MAX_VALUE, Number.POSITIVE_INFINITY]],
  ]

  it.each(same)('%s', (_name, schema, ...values) => {
    for (const value of values) expect(written(schema, value)).toEqual(asJson(value))
  })

  it('text of any kind: quotes, breaks, surrogates without their other half, at every length', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom('"', '\\', '\n', '\0', '\u2028', '\ud800', '\udfff', '😀', '中', 'a'),
        maxLength: 60,
      }),
      fc.integer({ min: 40, max: 6000 }).map((length) => `${'x'.repeat(length)}"\ud800`),
    )
    const serialize = serializerOf(z.object({ s: z.string(), n: z.string().nullable(), a: z.array(z.string()) }))
    fc.assert(
      fc.property(text, (s) => {
        expect(JSON.parse(serialize({ s, n: s, a: [s, s] }))).toEqual({ s, n: s, a: [s, s] })
      }),
    )
  })
})

describe('a field that the schema does not declare is never written', () => {
  const extra = { password: '$2b$12$leaked' }
  // biome-ignore format: one shape a line reads as the table it is
  const stripped: [string, z.ZodType, unknown, unknown][] = [
    ['at the top', Person, { ...ada, ...extra }, ada],
    ['in nullable objects', z.object({ o: Person.nullable() }), { o: { ...ada, ...extra } }, { o: ada }],
    ['in arrays of arrays', z.array(z.array(Person)), [[{ ...ada, ...extra }]], [[ada]]],
    ['in records', z.record(z.string(), Person), { a: { ...ada, ...extra } }, { a: ada }],
    ['in records with named keys', z.record(z.enum(['a']), z.int()), { a: 1, ...extra }, { a: 1 }],
    ['in an object without fields', z.object({}), extra, {}],
    ['in a strict object', z.strictObject({ a: z.int() }), { a: 1, ...extra }, { a: 1 }],
    ['in unions', z.object({ u: z.union([z.string(), z.array(Person)]) }), { u: [{ ...ada, ...extra }] }, { u: [ada] }],
    ['in discriminated unions', Shape.nullable(), { kind: 'round', radius: 1, side: 2, ...extra }, { kind: 'round', radius: 1 }],
    ['in intersections', z.intersection(Person, z.object({ id: z.int() })), { ...ada, id: 1, ...extra }, { ...ada, id: 1 }],
    ['in shapes with an id', z.object({ b: Named.nullable() }), { b: { q: 1, ...extra } }, { b: { q: 1 } }],
    ['at every level of a tree', Tree, { id: 1, ...extra, children: [{ id: 2, ...extra, children: [{ id: 3, ...extra, children: null }] }] }, { id: 1, children: [{ id: 2, children: [{ id: 3, children: null }] }] }],
    ['along nullable recursion', Chain, { id: 1, ...extra, next: { id: 2, ...extra, next: null } }, { id: 1, next: { id: 2, next: null } }],
  ]

  it.each(stripped)('%s', (_name, schema, given, expected) => {
    const text = serializerOf(schema)(given)
    expect(JSON.parse(text)).toEqual(expected)
    expect(text).not.toContain('leaked')
  })

  it('of a union the first alternative that fits decides what is declared', () => {
    const u = z.union([z.object({ a: z.int() }), z.object({ a: z.int(), b: z.int() })])
    expect(written(u, { a: 1, b: 2 })).toEqual({ a: 1 })
  })
})

describe('a value that is not of its schema', () => {
  const refused: [string, z.ZodType, unknown][] = [
    ['a required field that is absent', Person, { name: 'Ada' }],
    ['a required field that is undefined', Person, { name: 'Ada', age: undefined }],
    ['a required nullable field that is absent', z.object({ s: z.string().nullable() }), {}],
    ['a required field deep in a tree', Tree, { id: 1, children: [{ children: null }] }],
    ['a literal field that is absent', z.object({ t: z.literal('a') }), {}],
    ['a value that no alternative of a union fits', z.object({ u: z.union([z.string(), Person]) }), { u: 1 }],
    ['an unknown kind of a discriminated union', Shape, { kind: 'oval' }],
    ['text where a number belongs', z.object({ n: z.int() }), { n: 'x' }],
    ['not a number', z.object({ n: z.number() }), { n: Number.NaN }],
    ['an object where an array belongs', z.object({ a: z.array(z.int()) }), { a: {} }],
  ]
  it.each(refused)('%s throws', (_name, schema, value) => {
    expect(() => serializerOf(schema)(value)).toThrow()
  })

  it('null where it is not allowed becomes the empty value of the kind: the types of the handlers must prevent it', () => {
    const schema = z.object({ s: z.string(), n: z.int(), b: z.boolean(), a: z.array(z.int()), o: Person })
    expect(written(schema, { s: null, n: null, b: null, a: null, o: null })).toEqual({
      s: '',
      n: 0,
      b: false,
      a: [],
      o: {},
    })
  })
})

describe('compiling', () => {
  it('happens once for a schema', () => {
    const schema = z.object({ a: z.int() })
    expect(serializerOf(schema)).toBe(serializerOf(schema))
  })

  const impossible: [string, z.ZodType][] = [
    ['a bigint', z.object({ a: z.bigint() })],
    ['a Date', z.object({ a: z.date() })],
    ['a transform', z.object({ a: z.string().transform(Number) })],
    ['undefined', z.object({ a: z.undefined() })],
  ]
  it.each(impossible)('refuses %s, which has no JSON', (_name, schema) => {
    expect(() => serializerOf(schema)).toThrow(/cannot be represented/)
  })
})
