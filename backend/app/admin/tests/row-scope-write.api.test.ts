import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { logTombstone } from '#backend/app/admin/model/log-tombstone.model'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { findUser, makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import type { ActorRule } from '#backend/core/actor'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp

beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const REFUSED = { status: 403, body: { code: 403, msg: '权限不足', data: null } }
const rule = (fields: Partial<ActorRule>): ActorRule => ({
  model: '__ALL__',
  column: '__dept_id__',
  operator: 0,
  expression: 6,
  value: '${dept_tree}',
  ...fields,
})

describe('a department', () => {
  const permissions = ['sys:dept:get', 'sys:dept:add', 'sys:dept:edit', 'sys:dept:del']
  const named = (name: string) => t.db.select().from(dept).where(eq(dept.name, name))
  const rowOf = async (id: number) => (await t.db.select().from(dept).where(eq(dept.id, id)))[0]

  /** Whoever manages the middle one of three, one above the other, beside another branch. */
  async function branch(rules = [rule({})]) {
    const above = await makeDept(t.db)
    const own = await makeDept(t.db, { parent_id: above })
    const below = await makeDept(t.db, { parent_id: own })
    const other = await makeDept(t.db, { parent_id: above })
    return { above, own, below, other, manager: await t.signInAs({ permissions, dept_id: own, rules }) }
  }

  test('is made where its author sees it, below their own one, and nowhere else', async () => {
    const { own, below, above, other, manager } = await branch()
    for (const parent_id of [own, below]) {
      const name = unique('made')
      expect((await manager.post('/sys/depts', { name, status: 1, parent_id })).status).toBe(200)
      const [made] = await named(name)
      expect((await manager.get(`/sys/depts/${made?.id}`)).status).toBe(200)
    }
    for (const parent_id of [above, other, null]) {
      const name = unique('refused')
      expect(await manager.post('/sys/depts', { name, status: 1, parent_id })).toMatchObject(REFUSED)
      expect(await named(name)).toEqual([])
    }
    expect((await manager.post('/sys/depts', { name: unique('x'), status: 1, parent_id: 999_999 })).status).toBe(404)
  })

  test('is moved only to where its mover sees it', async () => {
    const { own, below, above, other, manager } = await branch()
    const leaf = await makeDept(t.db, { parent_id: below })
    const before = await rowOf(leaf)
    const to = (parent_id: number | null) =>
      manager.put(`/sys/depts/${leaf}`, { name: before?.name, status: 1, parent_id })
    for (const parent_id of [above, other, null]) expect(await to(parent_id)).toMatchObject(REFUSED)
    expect(await rowOf(leaf)).toEqual(before)
    expect((await to(999_999)).status).toBe(404)
    expect((await to(own)).status).toBe(200)
    expect(await rowOf(leaf)).toMatchObject({ parent_id: own })
  })

  test('below one that is not seen can be changed as long as it stays there', async () => {
    const { own, above, other, manager } = await branch()
    const fields = { name: unique('renamed'), status: 1 }
    expect((await manager.put(`/sys/depts/${own}`, { ...fields, parent_id: above })).status).toBe(200)
    expect(await rowOf(own)).toMatchObject({ name: fields.name, parent_id: above })
    expect(await manager.put(`/sys/depts/${own}`, { ...fields, parent_id: other })).toMatchObject(REFUSED)
  })

  test('is not changed into one that its author does not see', async () => {
    const { below, own, manager } = await branch([
      rule({}),
      rule({ model: 'Dept', column: 'status', expression: 0, value: '1' }),
    ])
    const before = await rowOf(below)
    const fields = { name: before?.name, parent_id: own }
    expect(await manager.put(`/sys/depts/${below}`, { ...fields, status: 0 })).toMatchObject(REFUSED)
    expect(await rowOf(below)).toEqual(before)
    expect((await manager.put(`/sys/depts/${below}`, { ...fields, status: 1, leader: 'Lin' })).status).toBe(200)
  })

  test('that was just made is of the past', async () => {
    const past = rule({ model: 'Dept', column: 'created_time', expression: 4, value: '${now}' })
    const { own, manager } = await branch([past])
    const fields = { name: unique('made'), status: 1, parent_id: own }
    expect((await manager.post('/sys/depts', fields)).status).toBe(200)
    const present = rule({ model: 'Dept', column: 'created_time', expression: 3, value: '${now}' })
    const other = await branch([rule({ operator: 1 }), { ...present, operator: 0 }])
    expect((await other.manager.post('/sys/depts', { ...fields, name: unique('x'), parent_id: null })).status).toBe(403)
  })

  test('that is not seen is not there', async () => {
    const { above, other, manager } = await branch()
    for (const id of [above, other]) {
      const before = await rowOf(id)
      expect((await manager.put(`/sys/depts/${id}`, { name: unique('x'), status: 1 })).status).toBe(404)
      expect((await manager.delete(`/sys/depts/${id}`)).status).toBe(404)
      expect(await rowOf(id)).toEqual(before)
    }
  })
})

describe('a user', () => {
  const permissions = ['sys:user:add', 'sys:user:edit', 'sys:user:del', 'sys:user:password:reset']
  const fieldsOf = (dept_id: number, roles: number[] = []) => ({
    username: unique('made'),
    password: 'Abc-12345',
    dept_id,
    roles,
  })

  test('is not made by whoever would not see them, nor anything that goes with them', async () => {
    const dept_id = await makeDept(t.db)
    const role_id = await makeRole(t.db, [], { is_filter_scopes: true })
    const maker = await t.signInAs({ permissions, dept_id, rules: [rule({ model: 'Dept' })] })
    const fields = fieldsOf(dept_id, [role_id])
    expect(await maker.post('/sys/users', fields)).toMatchObject(REFUSED)
    expect(await t.db.select().from(user).where(eq(user.username, fields.username))).toEqual([])
    expect(await t.db.select().from(userRole).where(eq(userRole.role_id, role_id))).toEqual([])
    const seeing = await t.signInAs({ permissions, dept_id, rules: [rule({})] })
    expect(await seeing.post('/sys/users', fields)).toMatchObject({
      status: 200,
      body: { data: { dept: { id: dept_id } } },
    })
  })

  test('is not changed into one whom the author does not see', async () => {
    const dept_id = await makeDept(t.db)
    const hidden = await makeDept(t.db)
    const role_id = await makeRole(t.db, [], { is_filter_scopes: true })
    const target = await t.signInAs({ dept_id, rules: [] })
    const rules = [rule({}), rule({ model: 'User', column: 'phone', expression: 7, value: '13800138000' })]
    const editor = await t.signInAs({ permissions, dept_id, rules })
    const same = { username: target.username, nickname: 'Same', phone: '13900139000', dept_id, roles: [target.role_id] }
    await t.db.update(user).set({ phone: same.phone }).where(eq(user.id, target.user_id))
    const before = await findUser(t.db, target.user_id)
    for (const change of [{ dept_id: null }, { dept_id: hidden }, { phone: '13800138000' }, { phone: null }])
      expect(
        await editor.put(`/sys/users/${target.user_id}`, { ...same, roles: [target.role_id, role_id], ...change }),
      ).toMatchObject(REFUSED)
    expect(await findUser(t.db, target.user_id)).toEqual(before)
    expect(await t.db.select().from(userRole).where(eq(userRole.role_id, role_id))).toEqual([])
    expect((await editor.put(`/sys/users/${target.user_id}`, same)).status).toBe(200)
  })

  test('who is not seen is not there', async () => {
    const hidden = await t.signInAs({ dept_id: await makeDept(t.db), rules: [] })
    const editor = await t.signInAs({ permissions, dept_id: await makeDept(t.db), rules: [rule({})] })
    const path = `/sys/users/${hidden.user_id}`
    const before = await findUser(t.db, hidden.user_id)
    const change = { username: hidden.username, nickname: 'x', roles: [] }
    expect((await editor.put(path, change)).status).toBe(404)
    expect((await editor.put(`${path}/password`, { password: 'Abc-12345' })).status).toBe(404)
    expect((await editor.delete(path)).status).toBe(404)
    expect(await findUser(t.db, hidden.user_id)).toEqual(before)
  })
})

describe('entries of the login log', () => {
  async function attempts(username: string, count: number): Promise<number[]> {
    const entry = { user_uuid: '', username, status: 1, ip: '192.0.2.1', msg: 'x', login_time: '2024-01-01 00:00:00' }
    const rows = await t.db
      .insert(loginLog)
      .values(Array.from({ length: count }, () => entry))
      .returning({ id: loginLog.id })
    return rows.map(({ id }) => id)
  }

  test('are removed all or none: one that is not seen keeps the others, and no trace says otherwise', async () => {
    const rules = [rule({ model: 'LoginLog', column: 'username', expression: 0, value: 'seen' })]
    const person = await t.signInAs({ permissions: ['log:login:del', 'log:login:clear'], rules })
    const seen = await attempts('seen', 3)
    const hidden = await attempts('hidden', 2)
    const left = async () =>
      (
        await t.db
          .select()
          .from(loginLog)
          .where(inArray(loginLog.id, [...seen, ...hidden]))
      ).length
    expect((await person.delete('/logs/login', { pks: [...seen, hidden[0]] })).status).toBe(404)
    expect((await person.delete('/logs/login', { pks: [...seen, 999_999] })).status).toBe(404)
    expect((await person.delete('/logs/login', { pks: hidden })).status).toBe(404)
    expect(await left()).toBe(5)
    expect(await t.db.select().from(logTombstone)).toEqual([])
    expect((await person.delete('/logs/login', { pks: seen.slice(1) })).status).toBe(200)
    expect((await person.delete('/logs/login/all')).status).toBe(200)
    expect(await left()).toBe(2)
    const traces = await t.db.select().from(logTombstone)
    expect(traces.map(({ removed_count }) => removed_count).sort()).toEqual([1, 2])
  })
})
