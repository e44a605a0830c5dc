import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import { createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'
import { verifyPassword } from '#backend/utils/password-hash'

let t: TestApp
let root: SignedIn
let dept_id: number

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  dept_id = await makeDept(t.db, { name: 'Users live here' })
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const fieldsOf = (more: object = {}) => ({
  username: unique('made'),
  password: 'Abc-12345',
  dept_id,
  roles: [],
  ...more,
})

describe('creating a user', () => {
  test('answers with the user, their department and all that hangs on their roles, and never a hash', async () => {
    const role_id = await makeRole(t.db, ['sys:dept:get'])
    const scope_id = await giveScope(t.db, role_id, [
      { model: 'Dept', column: '__dept_id__', operator: 0, expression: 0, value: '${dept_id}' },
    ])
    const answer = await root.post('/sys/users', {
      ...fieldsOf({ username: 'golden', nickname: 'Golden', email: 'golden@example.com', phone: '13900139000' }),
      roles: [String(role_id), role_id],
      unknown: 'ignored',
    })
    expect(answer.status).toBe(200)
    const times = { created_time: TIME, updated_time: null }
    expect(answer.body).toEqual({
      code: 200,
      msg: '请求成功',
      data: {
        id: expect.any(Number),
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        username: 'golden',
        nickname: 'Golden',
        avatar: null,
        email: 'golden@example.com',
        phone: '13900139000',
        status: 1,
        is_superuser: false,
        is_staff: false,
        is_multi_login: false,
        join_time: TIME,
        last_login_time: null,
        dept_id,
        dept: {
          id: dept_id,
          name: 'Users live here',
          parent_id: null,
          sort: 0,
          leader: null,
          phone: null,
          email: null,
          status: 1,
          del_flag: false,
          ...times,
        },
        roles: [
          {
            id: role_id,
            name: expect.any(String),
            status: 1,
            is_filter_scopes: false,
            remark: null,
            ...times,
            menus: [
              {
                id: expect.any(Number),
                title: expect.any(String),
                name: expect.any(String),
                path: null,
                parent_id: null,
                sort: 0,
                icon: null,
                type: 2,
                component: null,
                perms: 'sys:dept:get',
                status: 1,
                display: 1,
                cache: 1,
                link: null,
                remark: null,
                ...times,
              },
            ],
            scopes: [
              {
                id: scope_id,
                name: expect.any(String),
                status: 1,
                ...times,
                rules: [
                  {
                    id: expect.any(Number),
                    name: expect.any(String),
                    model: 'Dept',
                    column: '__dept_id__',
                    operator: 0,
                    expression: 0,
                    value: '${dept_id}',
                    ...times,
                  },
                ],
              },
            ],
          },
        ],
      },
    })
    const [row] = await t.db.select().from(user).where(eq(user.username, 'golden'))
    expect(await verifyPassword('Abc-12345', row?.password)).toBe(true)
    expect((await root.get(`/sys/users/${row?.id}`)).body.data).toEqual(answer.body.data)
  })

  test('the nickname is the user name where there is none, and a cleared field is null', async () => {
    const { body } = await root.post('/sys/users', fieldsOf({ username: 'plain', nickname: '', email: '', phone: '' }))
    expect(body.data).toMatchObject({ username: 'plain', nickname: 'plain', email: null, phone: null, roles: [] })
  })

  test('a user name or e-mail address belongs to one user', async () => {
    const first = fieldsOf({ email: 'once@example.com' })
    expect((await root.post('/sys/users', first)).status).toBe(200)
    expect((await root.post('/sys/users', { ...first, email: null })).body).toEqual({
      code: 409,
      msg: '用户名已存在',
      data: null,
      trace_id: expect.any(String),
    })
    const second = await root.post('/sys/users', fieldsOf({ email: 'once@example.com' }))
    expect(second.body).toMatchObject({ code: 409, msg: '邮箱已被绑定' })
  })

  test('twenty creations of one name at once make one user', async () => {
    const role_id = await makeRole(t.db)
    const fields = fieldsOf({ username: 'raced', roles: [role_id] })
    const answers = await Promise.all(Array.from({ length: 20 }, () => root.post('/sys/users', fields)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
    expect(await t.db.select().from(userRole).where(eq(userRole.role_id, role_id))).toHaveLength(1)
  })

  test('a missing department or role is 404 and nothing is made', async () => {
    const fields = fieldsOf()
    expect((await root.post('/sys/users', { ...fields, dept_id: 999_999 })).body.msg).toBe('部门不存在')
    expect((await root.post('/sys/users', { ...fields, roles: [999_999] })).body).toMatchObject({
      code: 404,
      msg: '角色不存在',
    })
    expect(await t.db.select().from(user).where(eq(user.username, fields.username))).toEqual([])
  })

  test('a password against the policy is 400', async () => {
    expect((await root.post('/sys/users', fieldsOf({ password: '12345' }))).body).toMatchObject({ code: 400 })
    expect((await root.post('/sys/users', fieldsOf({ password: 'x'.repeat(33) }))).body).toMatchObject({ code: 400 })
  })

  test('what is wrong is named, and a password is never echoed', async () => {
    const missing = await root.post('/sys/users', {})
    expect(missing.body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'username'] },
      { type: 'missing', loc: ['body', 'password'] },
      { type: 'missing', loc: ['body', 'dept_id'] },
      { type: 'missing', loc: ['body', 'roles'] },
    ])
    for (const bad of [
      { username: '' },
      { username: ' padded' },
      { username: 'padded ' },
      { username: 'a\tb' },
      { username: 'a\u200bb' },
      { username: 'a\0b' },
      { username: 'x'.repeat(65) },
      { password: 'secret\0word' },
      { password: { secret: 'secretword' } },
      { email: 'nobody' },
      { phone: '12' },
      { roles: ['x'] },
      { roles: null },
      { dept_id: 0 },
    ]) {
      const { status, text } = await root.post('/sys/users', fieldsOf(bad))
      expect({ bad, status }).toEqual({ bad, status: 422 })
      expect(text).not.toContain('secret')
    }
  })

  test('nobody gives a role that holds more than they do', async () => {
    const held = await makeRole(t.db, ['sys:user:get'])
    const beyond = await makeRole(t.db, ['sys:role:del'])
    const maker = await t.signIn('sys:user:add', 'sys:user:get')
    expect((await maker.post('/sys/users', fieldsOf({ roles: [held] }))).status).toBe(200)
    expect((await maker.post('/sys/users', fieldsOf({ roles: [held, beyond] }))).body).toMatchObject({
      code: 403,
      msg: '不能授予自己没有的权限',
    })
  })

  test('whoever is filtered places users only into departments that they see', async () => {
    const other = await makeDept(t.db, { name: 'Hidden from the maker' })
    const rule = { model: '__ALL__', column: '__dept_id__', operator: 0, expression: 0, value: '${dept_id}' }
    const maker = await t.signInAs({ permissions: ['sys:user:add'], dept_id, rules: [rule] })
    expect((await maker.post('/sys/users', fieldsOf())).status).toBe(200)
    expect((await maker.post('/sys/users', fieldsOf({ dept_id: other }))).status).toBe(403)
    expect((await maker.post('/sys/users', fieldsOf({ dept_id: 999_999 }))).status).toBe(404)
  })
})
