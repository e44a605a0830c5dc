import { describe, expect, test } from 'vitest'
import { loadBuiltIns } from '#backend/core/plugin/built-in'
import { APPS } from '#backend/server'
import { scopedTables, sourcesBelow, type Toucher, touchers } from '#backend/tests/scoped-source'

const OWN = 'of the actor alone: one’s own rows are one’s own'
const SIGN_IN = 'before somebody has signed in there is no row permission to ask'
const TREE = 'the tree is one, whoever may see which part of it'
const BESIDE = 'shown beside a user who is seen, as a part of them'
const CHAIN = 'the chain of the log is one, whoever may see which record of it'
const LOCKED = 'for whoever has been found within the scope before'

/** Functions that look past the row scope of a model, each with why it may. */
const UNSCOPED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'actor.crud/loadActor': { Dept: 'what row permissions are made from', User: 'what row permissions are made from' },
  'audit-chain.crud/listHeadless': { OperaLog: CHAIN },
  'audit-chain.crud/listAfter': { OperaLog: CHAIN },
  'audit-chain.crud/findExpired': { OperaLog: CHAIN },
  'audit-chain.crud/removeWhere': { OperaLog: 'which rows is the caller’s to say, with the scope in it' },
  'audit-chain.crud/countUnchained': { OperaLog: CHAIN },
  'audit-chain.crud/findMisplaced': { OperaLog: CHAIN },
  'audit-chain.crud/isUpTo': { OperaLog: CHAIN },
  'audit-chain.crud/isUnchainedOlderThan': { OperaLog: CHAIN },
  'audit-store.crud/store': { OperaLog: 'the log is written for everybody' },
  'audit-store.crud/storeRefused': { OperaLog: 'the log is written for everybody' },
  'dept.crud/lockById': { Dept: 'so that a department that is there can be told from one that is not to be seen' },
  'dept.crud/isNameTaken': { Dept: 'a name is taken also by a department that is not seen' },
  'dept.crud/isWithin': { Dept: TREE },
  'dept.crud/listTreeIds': { Dept: 'what row permissions are made from' },
  'dept.crud/countChildren': { Dept: TREE },
  'online-session.crud/endOfDept': { User: 'a disabled department ends all of its members’ sessions' },
  'sign-in.crud/findByUsername': { Dept: SIGN_IN, User: SIGN_IN },
  'sign-in.crud/lockCandidate': { Dept: SIGN_IN, User: SIGN_IN },
  'sign-in.crud/findName': { User: SIGN_IN },
  'sign-in.crud/markSignedIn': { User: SIGN_IN },
  'user.crud/list': { Dept: BESIDE },
  'user.crud/findInDept': { Dept: BESIDE },
  'user.crud/findProfile': { Dept: OWN, User: OWN },
  'user.crud/lockWithPassword': { User: LOCKED },
  'user.crud/findPassword': { User: LOCKED },
  'user.crud/findDaysRemaining': { User: OWN },
  'user.crud/setPassword': { User: LOCKED },
  'user.crud/countInDept': { User: 'a department with users stays, whoever sees them' },
  'user.crud/hasUsableSuperuser': { Dept: 'a fact of the installation', User: 'a fact of the installation' },
}

/** Files that ask for every row of a model in so many words, each with why it may. */
const EVERY_ROW: Readonly<Record<string, string>> = {
  'backend/app/admin/service/dept.service.ts': 'a parent that is missing is told from one that is not to be seen',
  'backend/app/admin/service/profile.service.ts': OWN,
}

const models = sourcesBelow(/\/model\/[^/]+\.model\.ts$/)
const tables = scopedTables(models)
const crud = sourcesBelow(/\/crud\/[^/]+\.crud\.ts$/)
const everything = sourcesBelow(/^(?!.*\/tests\/).*\.ts$/)
const read = (found: readonly Toucher[]) =>
  Object.fromEntries(found.filter(({ unscoped }) => unscoped.length > 0).map((one) => [one.name, one.unscoped]))

describe('crud of scoped models', () => {
  const found = crud.flatMap((source) => touchers(source, tables))

  test('every scoped model is known by its table, its name in SQL and its module', async () => {
    const definitions = (await loadBuiltIns()).map(({ definition }) => definition)
    const declared = [...APPS, ...definitions].flatMap(({ scoped_models = [] }) =>
      scoped_models.map(({ name }) => name),
    )
    expect(tables.map(({ model }) => model).sort()).toEqual(declared.sort())
    expect(found.filter(({ scoped }) => scoped.length > 0).length).toBeGreaterThan(10)
  })

  test('takes the row scope of each model whose rows it reads or changes, unless there is a reason', () => {
    const expected = Object.entries(UNSCOPED).map(([name, reasons]) => [name, Object.keys(reasons).sort()])
    expect(read(found)).toEqual(Object.fromEntries(expected))
  })

  test('is the only place that queries: a service or route asks for every row only with a reason', () => {
    const others = everything.filter(({ path }) => /\/(service|api)\//.test(path))
    expect(others.length).toBeGreaterThan(20)
    const queries = /\bdb\s*\.\s*(select\w*|insert|update|delete|execute|with|query|\$count)\b/
    expect(others.filter(({ text }) => queries.test(text)).map(({ path }) => path)).toEqual([])
    const unlimited = everything.filter(({ text }) => /\beveryRow\b/.test(text)).map(({ path }) => path)
    expect(unlimited).toEqual(Object.keys(EVERY_ROW))
  })
})

describe('the check itself', () => {
  const path = 'backend/app/admin/crud/planted.crud.ts'
  const check = (body: string) => {
    const head = `
      import { user as person } from '#backend/app/admin/model/user.model'
      import { type Dept, dept } from '#backend/app/admin/model/dept.model'
      import { session } from '#backend/app/admin/model/session.model'
      import type { RowScope } from '#backend/common/row-scope'
      type Scope = RowScope<'User'>
      interface View { scope: Scope; dept: Dept }
      const kept = eq(dept.del_flag, false)
      const pick = (db: Db) => db.select().from(person)
      const { password, ...shown } = getTableColumns(person)
      `
    return touchers({ path, text: head + body }, tables).map(({ name, ...rest }) => ({
      ...rest,
      name: name.replace('planted.crud/', ''),
    }))
  }

  test.each([
    ['a table under another name', 'export function f(db: Db) { return db.select().from(person) }'],
    ['a helper of the file', 'export const f = async (db: Db) => { await pick(db) }'],
    ['columns of the table', 'export function f(db: Db) { return db.select(shown).from(anything) }'],
    ['SQL', 'export function f(db: Db) { return db.execute(sql`delete from sys_user u where u.id = ${1}`) }'],
    ['SQL after a value', 'export function f(db: Db) { return sql`${1} union select 1 from sys_user where ${2}` }'],
    ['a scope that may be left out', 'export function f(db: Db, scope?: Scope) { return pick(db) }'],
    ['a scope of another model', "export function f(db: Db, scope: RowScope<'Dept'>) { return pick(db) }"],
    ['a scope of any model', 'export function f(db: Db, scope: RowScope) { return pick(db) }'],
    [
      'an insert that may update',
      'export function f(db: Db) { return db.insert(person).onConflictDoUpdate({ target: person.id }) }',
    ],
  ])('sees %s', (_, body) => {
    expect(check(body)).toEqual([{ name: 'f', scoped: [], unscoped: ['User'] }])
  })

  test('sees each of several tables, and a whole module', () => {
    expect(check('export function f(db: Db, scope: Scope) { return pick(db).where(kept) }')).toEqual([
      { name: 'f', scoped: ['User'], unscoped: ['Dept'] },
    ])
    const whole = `import * as model from '#backend/app/admin/model/dept.model'
      export function f(db: Db) { return db.delete(model.dept) }`
    expect(check(whole)).toEqual([{ name: 'f', scoped: [], unscoped: ['Dept'] }])
  })

  test('accepts a scope, directly or within a view, an insert, and tables that are not scoped', () => {
    expect(check('export function f(db: Db, { scope }: View) { return pick(db) }')).toEqual([
      { name: 'f', scoped: ['User'], unscoped: [] },
    ])
    expect(check('export function f(db: Db) { return db.insert(person).values({}).returning(shown) }')).toEqual([])
    expect(check('export function f(db: Db, dept: Dept) { return db.insert(session).values({ dept }) }')).toEqual([])
    expect(check('export const f = (db: Db) => db.execute(sql`select 1 from sys_user_role`)')).toEqual([])
  })

  test('does not accept what it cannot read', () => {
    expect(() => check('function f(db: Db) { return pick(db) }\nexport { f }')).toThrow('only declarations')
    const [source] = models
    const unreadable = { path: source?.path ?? '', text: `export const x = scopedModel('X', made(), {})` }
    expect(() => scopedTables([unreadable])).toThrow('cannot be read')
  })
})
