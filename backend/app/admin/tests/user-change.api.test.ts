import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

/** The body of an update that changes nothing but what is given. */
const same = (person: SignedIn, more: object = {}) => ({
  username: person.username,
  nickname: person.username,
  roles: [person.role_id],
  ...more,
})

describe('replacing a user', () => {
  test('replaces every field and the roles; what is absent is null', async () => {
    const person = await t.signIn()
    const [dept_id, role_id] = [await makeDept(t.db), await makeRole(t.db)]
    const path = `/sys/users/${person.user_id}`
    const full = {
      username: unique('renamed'),
      nickname: 'Renamed',
      avatar: 'https://example.com/a.png',
      email: `${unique('mail')}@example.com`,
      phone: '13700137000',
      dept_id: String(dept_id),
      roles: [String(role_id)],
      is_superuser: true,
      status: 0,
      password: 'ignored',
    }
    expect((await root.put(path, full)).body).toEqual({ code: 200, msg: '请求成功', data: null })
    const { is_superuser: _1, status: _2, password: _3, dept_id: _4, roles: _5, ...kept } = full
    expect((await root.get(path)).body.data).toMatchObject({
      ...kept,
      dept_id,
      status: 1,
      is_superuser: false,
      roles: [{ id: role_id }],
    })
    expect((await root.put(path, { username: full.username, nickname: 'Bare', roles: [] })).status).toBe(200)
    expect((await root.get(path)).body.data).toMatchObject({
      avatar: null,
      email: null,
      phone: null,
      dept_id: null,
      dept: null,
      roles: [],
    })
  })

  test('a change of the name keeps the sessions, a role that is taken away is missed at the next request', async () => {
    const person = await t.signIn('sys:dept:get')
    const path = `/sys/users/${person.user_id}`
    const renamed = same(person, { username: unique('renamed') })
    expect((await person.get('/sys/depts')).status).toBe(200)
    expect((await root.put(path, renamed)).status).toBe(200)
    expect((await person.get('/sys/depts')).status).toBe(200)
    expect((await root.put(path, { ...renamed, roles: [] })).status).toBe(200)
    expect((await person.get('/sys/depts')).status).toBe(403)
    expect((await root.put(path, renamed)).status).toBe(200)
    expect((await person.get('/sys/depts')).status).toBe(200)
  })

  test('moving somebody into a disabled department ends their standing', async () => {
    const person = await t.signIn()
    const closed = await makeDept(t.db, { status: 0 })
    expect((await root.put(`/sys/users/${person.user_id}`, same(person, { dept_id: closed }))).status).toBe(200)
    expect((await person.get('/sys/users/me')).status).toBe(401)
  })

  test('a name or address that is taken is 409, what is missing 404', async () => {
    const [a, b] = [await t.signIn(), await t.signIn()]
    const path = `/sys/users/${a.user_id}`
    expect((await root.put(path, same(a, { username: b.username }))).body.msg).toBe('用户名已存在')
    await t.db.update(user).set({ email: 'taken@example.com' }).where(eq(user.id, b.user_id))
    expect((await root.put(path, same(a, { email: 'taken@example.com' }))).body).toMatchObject({
      code: 409,
      msg: '邮箱已被绑定',
    })
    expect((await root.put(path, same(a, { dept_id: 999_999 }))).body.msg).toBe('部门不存在')
    expect((await root.put(path, same(a, { roles: [999_999] }))).body.msg).toBe('角色不存在')
    expect((await root.put('/sys/users/999999', same(a))).status).toBe(404)
    const deleted = await makeDept(t.db, { del_flag: true })
    expect((await root.put(path, same(a, { dept_id: deleted }))).status).toBe(404)
  })

  test('an avatar is a web address that fits, and what is required is required', async () => {
    const person = await t.signIn()
    for (const bad of [
      { avatar: 'javascript:alert(1)' },
      { avatar: 'a.png' },
      { avatar: 'https://example.com/a b' },
      { avatar: `https://example.com/${'x'.repeat(256)}` },
      { nickname: ' ' },
      { nickname: undefined },
      { username: undefined },
      { roles: undefined },
    ]) {
      const { status } = await root.put(`/sys/users/${person.user_id}`, same(person, bad))
      expect({ bad, status }).toEqual({ bad, status: 422 })
    }
    expect((await root.put(`/sys/users/${person.user_id}`, same(person, { avatar: '' }))).status).toBe(200)
  })

  test('nobody changes their own roles, a superuser neither; the other fields they may', async () => {
    const more = await makeRole(t.db)
    for (const person of [await t.signIn('sys:user:edit'), await t.signInSuperuser()]) {
      const path = `/sys/users/${person.user_id}`
      expect((await person.put(path, same(person, { nickname: 'Mine' }))).status).toBe(200)
      expect((await person.put(path, same(person, { roles: [] }))).body.msg).toBe('不能修改自己的权限')
      expect((await person.put(path, same(person, { roles: [person.role_id, more] }))).status).toBe(403)
    }
  })

  test('only roles that are added are measured by what the actor holds', async () => {
    const [beyond, within] = [await makeRole(t.db, ['sys:role:del']), await makeRole(t.db, ['sys:user:edit'])]
    const editor = await t.signIn('sys:user:edit')
    const person = await t.signIn()
    const path = `/sys/users/${person.user_id}`
    expect((await editor.put(path, same(person, { roles: [person.role_id, beyond] }))).status).toBe(403)
    await t.db.insert(userRole).values({ user_id: person.user_id, role_id: beyond })
    expect((await editor.put(path, same(person, { roles: [beyond, within] }))).status).toBe(200)
    expect((await root.get(path)).body.data.roles.map((one: { id: number }) => one.id).sort()).toEqual(
      [beyond, within].sort(),
    )
  })

  test('only a superuser changes a superuser', async () => {
    const target = await t.signInSuperuser()
    const path = `/sys/users/${target.user_id}`
    const person = await t.signIn('sys:user:edit', 'sys:user:del', 'sys:user:password:reset')
    for (const answer of [
      await person.put(path, same(target)),
      await person.put(`${path}/password`, { password: 'Abc-12345' }),
      await person.delete(path),
    ])
      expect(answer.body).toMatchObject({ code: 403, msg: '只有超级管理员可以操作超级管理员' })
    expect((await root.put(path, same(target))).status).toBe(200)
  })

  test('whoever is filtered changes only the rows of their rules, within the departments that they see', async () => {
    const [there, elsewhere] = [await makeDept(t.db), await makeDept(t.db)]
    const rule = { model: '__ALL__', column: '__dept_id__', operator: 0, expression: 0, value: '${dept_id}' }
    const permissions = ['sys:user:edit', 'sys:user:del', 'sys:user:password:reset']
    const editor = await t.signInAs({ permissions, dept_id: there, rules: [rule] })
    const [inside, outside] = [await t.signInAs({ dept_id: there }), await t.signInAs({ dept_id: elsewhere })]
    expect((await editor.put(`/sys/users/${inside.user_id}`, same(inside, { dept_id: there }))).status).toBe(200)
    expect((await editor.put(`/sys/users/${inside.user_id}`, same(inside, { dept_id: elsewhere }))).status).toBe(403)
    expect((await editor.put(`/sys/users/${editor.user_id}`, same(editor, { dept_id: null }))).body.msg).toBe(
      '不能修改自己的权限',
    )
    const path = `/sys/users/${outside.user_id}`
    expect((await editor.put(path, same(outside, { dept_id: elsewhere }))).status).toBe(404)
    expect((await editor.put(`${path}/password`, { password: 'Abc-12345' })).status).toBe(404)
    expect((await editor.delete(path)).status).toBe(404)
    expect((await editor.delete(`/sys/users/${inside.user_id}`)).status).toBe(200)
  })
})
