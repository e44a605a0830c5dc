import { asc, sql } from 'drizzle-orm'
import { bigint, boolean, date, jsonb, numeric, pgTable, smallint, text, timestamp } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dept, deptScoped } from '#backend/app/admin/model/dept.model'
import { user, userScoped } from '#backend/app/admin/model/user.model'
import { everyRow, ownedBy, type RowScope, scopeOf } from '#backend/common/row-scope'
import { type Actor, ANONYMOUS, SYSTEM } from '#backend/core/actor'
import { instant } from '#backend/database/columns'
import { type Database, openDatabase } from '#backend/database/db'
import { ownedModel, scopedModel } from '#backend/database/scoped-model'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'
import { TEST_TIME_ZONE } from '#backend/tests/test-server'

let clone: TestDatabase
let database: Database

beforeAll(async () => {
  clone = await createTestDatabase()
  database = openDatabase({ url: clone.url, time_zone: TEST_TIME_ZONE, pool_size: 2 })
})
afterAll(async () => {
  await database.close()
  await clone.drop()
})

const rule = (fields: object) => ({ model: 'Dept', column: 'id', operator: 0, expression: 0, value: '1', ...fields })
const actor = (...scopes: object[][]): Actor => ({
  ...ANONYMOUS,
  kind: 'user',
  user_id: 7,
  dept_id: 2,
  dept_tree: [2, 3],
  scopes: scopes.map((rules, id) => ({ id, rules: rules.map(rule) })),
})

async function depts(scope: RowScope<'Dept'>): Promise<number[]> {
  const rows = await database.db.select({ id: dept.id }).from(dept).where(scope.where).orderBy(asc(dept.id))
  return rows.map(({ id }) => id)
}

const range = (length: number) => Array.from({ length }, (_, index) => index + 1)

/** The departments that these scopes show. */
const seen = (...scopes: object[][]) => depts(scopeOf(actor(...scopes), deptScoped))

describe('the rows of an actor', () => {
  beforeAll(async () => {
    await database.db.delete(dept)
    await database.db.insert(dept).values([
      { id: 1, name: 'one', sort: 10, leader: 'Lin', created_time: '2024-05-01 07:30:00' },
      { id: 2, name: 'two', sort: 20, leader: null, parent_id: 1, created_time: '2024-05-01 08:30:00' },
      { id: 3, name: 'three', sort: 30, leader: 'Wu', parent_id: 2, created_time: '2024-05-01 09:30:00' },
    ])
  })

  test('are found also where a tree has more departments than a query can have parameters', async () => {
    const everywhere = { ...actor([{ expression: 6, value: '${dept_tree}' }]), dept_tree: range(70_000) }
    expect(await depts(scopeOf(everywhere, deptScoped))).toEqual([1, 2, 3])
    const nowhere = { ...actor([{ expression: 7, value: '${dept_tree}' }]), dept_tree: range(70_000) }
    expect(await depts(scopeOf(nowhere, deptScoped))).toEqual([])
  })

  test('are all for a superuser, the product itself and whoever is not filtered', async () => {
    expect(await depts(scopeOf(SYSTEM, deptScoped))).toEqual([1, 2, 3])
    expect(await depts(scopeOf({ ...actor([{}]), is_superuser: true }, deptScoped))).toEqual([1, 2, 3])
    expect(await depts(scopeOf({ ...actor([{}]), is_filtered: false }, deptScoped))).toEqual([1, 2, 3])
    expect(await depts(everyRow(deptScoped))).toEqual([1, 2, 3])
  })

  test('are none for nobody, without a scope, in an empty scope and in one for another model', async () => {
    expect(await depts(scopeOf(ANONYMOUS, deptScoped))).toEqual([])
    expect(await seen()).toEqual([])
    expect(await seen([])).toEqual([])
    expect(await seen([{ model: 'User' }])).toEqual([])
  })

  test('must match every AND-rule of a scope, or any one of its OR-rules', async () => {
    expect(
      await seen([
        { expression: 3, value: '2' },
        { column: 'sort', expression: 4, value: '30' },
      ]),
    ).toEqual([2])
    expect(await seen([{ operator: 1 }, { operator: 1, value: '3' }])).toEqual([1, 3])
    expect(await seen([{ value: '2' }, { column: 'sort', value: '99' }, { operator: 1, value: '3' }])).toEqual([3])
  })

  test('of several scopes are united', async () => {
    expect(await seen([{}], [{ value: '3' }])).toEqual([1, 3])
    expect(await seen([{}, { value: '2' }], [{ value: '3' }])).toEqual([3])
  })

  test('a column without a value matches nothing, not even "not equal"', async () => {
    expect(await seen([{ column: 'leader', expression: 1, value: 'Lin' }])).toEqual([3])
    expect(await seen([{ column: 'leader', expression: 7, value: 'Lin,Wu' }])).toEqual([])
  })

  test('a department variable without a department widens nothing', async () => {
    const homeless = (fields: object) =>
      depts(scopeOf({ ...actor([fields]), dept_id: null, dept_tree: [] }, deptScoped))
    for (const expression of [0, 1, 2, 3, 4, 5]) expect(await homeless({ expression, value: '${dept_id}' })).toEqual([])
    expect(await homeless({ expression: 7, value: '${dept_id},3' })).toEqual([])
    expect(await homeless({ expression: 7, value: '${dept_tree},3' })).toEqual([])
    expect(await homeless({ expression: 6, value: '${dept_tree}' })).toEqual([])
    expect(await homeless({ expression: 6, value: '${dept_id},3' })).toEqual([3])
  })

  test('variables are those of the actor', async () => {
    expect(await seen([{ value: '${dept_id}' }])).toEqual([2])
    expect(await seen([{ column: '__dept_id__', expression: 6, value: '${dept_tree}' }])).toEqual([2, 3])
    expect(await seen([{ model: '__ALL__', column: '__dept_id__', value: '${dept_id}' }])).toEqual([2])
    expect(await seen([{ column: 'created_time', expression: 4, value: '${now}' }])).toEqual([1, 2, 3])
    expect(await seen([{ column: 'created_time', expression: 2, value: '${now}' }])).toEqual([])
  })

  test('a time is one of the configured zone unless it names its own', async () => {
    const since = (value: string) => seen([{ column: 'created_time', expression: 3, value }])
    expect(await since('2024-05-01 08:00')).toEqual([2, 3])
    expect(await since('2024-05-01T00:00:00Z')).toEqual([2, 3])
    expect(await since('2024-05-01 09:00:00.5+0800')).toEqual([3])
    expect(await since('2024-05-01')).toEqual([1, 2, 3])
  })

  test('a rule that cannot be compiled matches nothing, and keeps its AND-neighbours from matching', async () => {
    const uncompilable = [
      { column: 'nothing' },
      { column: 'constructor' },
      { column: '__created_by__' },
      { value: 'x' },
      { value: '' },
      { expression: 9 },
      { expression: 6, value: ',' },
      { column: 'created_time', value: '2024-02-30' },
      { column: 'name', expression: 1, value: '${user}' },
    ]
    for (const broken of uncompilable) {
      expect(await seen([broken])).toEqual([])
      expect(await seen([{}, broken])).toEqual([])
      expect(await seen([{}, { ...broken, operator: 1 }])).toEqual([1])
    }
  })

  test('an operator that is neither AND nor OR widens nothing', async () => {
    expect(await seen([{ operator: 2 }])).toEqual([])
    expect(await seen([{ expression: 3 }, { operator: 2 }])).toEqual([])
  })

  test('a number beyond the column’s range is compared, not refused by the database', async () => {
    for (const value of ['9007199254740991', '-2147483649']) {
      const above = value.startsWith('-')
      for (const column of ['status', 'sort', 'id']) {
        expect(await seen([{ column, value }])).toEqual([])
        expect(await seen([{ column, expression: 7, value: `${value},-5` }])).toEqual([1, 2, 3])
        expect(await seen([{ column, expression: 4, value }])).toEqual(above ? [] : [1, 2, 3])
      }
    }
  })

  test('a value is never read as SQL', async () => {
    expect(await seen([{ column: 'name', value: "' or true --" }])).toEqual([])
    expect(await seen([{ column: 'name', expression: 6, value: "x') or true --,two" }])).toEqual([2])
  })

  test('are compiled once per actor, and never another’s', async () => {
    const one = actor([{}])
    const other = actor([{ value: '2' }])
    expect(scopeOf(one, deptScoped)).toBe(scopeOf(one, deptScoped))
    expect(scopeOf(one, deptScoped).model).toBe('Dept')
    expect(scopeOf(one, userScoped).model).toBe('User')
    expect(await depts(scopeOf(other, deptScoped))).toEqual([2])
    expect(await depts(scopeOf(one, deptScoped))).toEqual([1])
  })

  test('bound a change and a deletion as well', async () => {
    const { where } = scopeOf(actor([{ expression: 3, value: '2' }]), deptScoped)
    const undo = new Error('undo')
    const changes = database.db.transaction(async (tx) => {
      expect(await tx.update(dept).set({ sort: 0 }).where(where).returning({ id: dept.id })).toHaveLength(2)
      expect(await tx.delete(dept).where(where).returning({ id: dept.id })).toHaveLength(2)
      throw undo
    })
    await expect(changes).rejects.toBe(undo)
  })

  test('use the index of the column they compare', async () => {
    const { where } = scopeOf(actor([{ model: 'User', column: 'dept_id', value: '${dept_id}' }]), userScoped)
    const plan = await database.db.transaction(async (tx) => {
      await tx.execute(sql`set local enable_seqscan = off`)
      return tx.execute(sql`explain ${tx.select({ id: user.id }).from(user).where(where)}`)
    })
    expect(JSON.stringify(plan)).toContain('ix_sys_user_dept_id')
  })
})

describe('declaring a scoped model', () => {
  const thing = pgTable('thing', {
    id: bigint({ mode: 'number' }),
    rank: smallint(),
    note: text(),
    is_open: boolean(),
    price: numeric(),
    day: date(),
    extra: jsonb(),
  })

  test('types its columns', () => {
    const { columns } = scopedModel('Thing', thing, { columns: { id: 'Id', rank: '', note: 'Note', is_open: 'Open' } })
    expect(Object.values(columns).map(({ type }) => type)).toEqual(['int', 'int', 'string', 'bool'])
  })

  test('refuses a column whose values could not be checked when a rule is saved', () => {
    for (const column of ['price', 'day', 'extra'] as const)
      expect(() => scopedModel('Thing', thing, { columns: { [column]: 'x' } })).toThrow(column)
  })

  test('refuses a variable’s column that rules may not use, and a column that is none', () => {
    expect(() => scopedModel('Thing', thing, { columns: { note: 'Note' }, dept_column: 'id' })).toThrow('id')
    expect(() => scopedModel('Thing', thing, { columns: { other: 'x' } as object })).toThrow('other')
  })

  test('names the columns whose values come from whoever makes a row, and from nobody for the product itself', () => {
    const owned = pgTable('owned', {
      id: bigint({ mode: 'number' }),
      maker: bigint({ mode: 'number' }),
      home: smallint(),
    })
    const model = ownedModel('Owned', owned, {
      columns: { maker: 'Maker', home: 'Home' },
      owner_column: 'maker',
      dept_column: 'home',
    })
    expect(model.variables).toEqual({ __dept_id__: 'home', __created_by__: 'maker' })
    const body: object = { maker: 99, home: 99 }
    expect({ ...body, ...ownedBy(actor(), model) }).toEqual({ maker: 7, home: 2 })
    expect(ownedBy({ ...actor(), dept_id: null }, model)).toEqual({ maker: 7, home: null })
    expect(ownedBy(SYSTEM, model)).toEqual({ maker: null, home: null })
  })
})

test('a time of any kind of column is the same moment, with or without a zone', async () => {
  const shown = pgTable('moment', {
    instant: instant('instant'),
    local: timestamp('local'),
    zoned: timestamp('zoned', { withTimezone: true }),
  })
  await database.sql`create table moment (instant timestamptz, local timestamp, zoned timestamptz)`
  await database.sql`insert into moment values ('2024-05-01 08:00+08', '2024-05-01 08:00', '2024-05-01 08:00+08')`
  const model = scopedModel('Moment', shown, { columns: { instant: 'a', local: 'b', zoned: 'c' } })
  for (const column of ['instant', 'local', 'zoned'])
    for (const value of ['2024-05-01 08:00', '2024-05-01T00:00:00Z'])
      for (const expression of [0, 6]) {
        const { where } = scopeOf(actor([{ model: 'Moment', column, expression, value }]), model)
        expect(await database.db.select().from(shown).where(where), `${column} ${value}`).toHaveLength(1)
      }
})

test('a list is no column that a rule can use', () => {
  const listing = pgTable('listing', { tags: text('tags').array(), times: timestamp('times').array() })
  for (const columns of [{ tags: 'Tags' }, { times: 'Times' }])
    expect(() => scopedModel('Listing', listing, { columns })).toThrow(/no type that a rule/)
})
