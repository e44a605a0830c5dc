import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import { createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'
import { countReads } from '#backend/tests/queries'

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

describe('reading users', () => {
  async function make(more: object = {}): Promise<number> {
    return (await root.post('/sys/users', fieldsOf(more))).body.data.id
  }

  test('the list is paged, newest first, complete, and without any hash', async () => {
    const role_id = await makeRole(t.db, ['sys:dept:get'])
    const ids = [await make({ username: 'paged_1', roles: [role_id] }), await make({ username: 'paged_2' })]
    const { body, text } = await root.get('/sys/users?username=PAGED_&page=1&size=1')
    expect(body.data).toEqual({
      items: [(await root.get(`/sys/users/${ids[1]}`)).body.data],
      total: 2,
      page: 1,
      size: 1,
      total_pages: 2,
      links: {
        first: '/api/v1/sys/users?username=PAGED_&page=1&size=1',
        last: '/api/v1/sys/users?username=PAGED_&page=2&size=1',
        self: '/api/v1/sys/users?username=PAGED_&page=1&size=1',
        next: '/api/v1/sys/users?username=PAGED_&page=2&size=1',
        prev: null,
      },
    })
    const second = (await root.get('/sys/users?username=paged_&page=2&size=1')).body.data.items
    expect(second).toMatchObject([{ id: ids[0], roles: [{ id: role_id, menus: [{ perms: 'sys:dept:get' }] }] }])
    expect(text).not.toMatch(/password|salt|\$2b\$/)
  })

  test('filters by department, part of the name, start of the phone number and status', async () => {
    const there = await makeDept(t.db, { name: 'Filtered by' })
    const id = await make({ username: 'filtered_1', phone: '13712345678', dept_id: there })
    await make({ username: 'filtered_2', phone: '13812345678' })
    await t.db.update(user).set({ status: 0 }).where(eq(user.id, id))
    for (const query of [`dept=${there}`, 'username=TERED_1', 'phone=1371', 'username=filtered&status=0'])
      expect((await root.get(`/sys/users?${query}`)).body.data.items).toMatchObject([{ id }])
    expect((await root.get('/sys/users?phone=2345678')).body.data.items).toEqual([])
    expect((await root.get('/sys/users?username=%25')).body.data.total).toBe(0)
    const all = await root.get('/sys/users?dept=&username=&phone=&status=&size=200')
    expect(all.body.data.items.map((one: { id: number }) => one.id)).toContain(id)
  })

  test('a page of users with roles costs as many queries as one of them', async () => {
    const role_ids = [await makeRole(t.db, ['a:b', 'c:d']), await makeRole(t.db, ['e:f'])]
    for (const role_id of role_ids)
      await giveScope(t.db, role_id, [{ model: 'User', column: 'id', operator: 0, expression: 0, value: '1' }])
    for (let n = 0; n < 20; n += 1) await make({ username: `counted_${n}`, roles: role_ids })
    const countQueries = async (query: string) => {
      const { answer, queries } = await countReads(t, () => root.get(`/sys/users?${query}`))
      return { queries, items: answer.body.data.items.length }
    }
    await countQueries('username=counted_&size=20')
    const many = await countQueries('username=counted_&size=20')
    const one = await countQueries('username=counted_7')
    expect(many.items).toBe(20)
    expect(many.queries).toBeGreaterThan(0)
    expect(many.queries).toBeLessThanOrEqual(6)
    expect(one).toEqual({ queries: many.queries, items: 1 })
  })

  test('a link that is there twice shows once', async () => {
    const role_id = await makeRole(t.db, ['a:b'])
    const id = await make({ roles: [role_id] })
    await t.db.insert(userRole).values({ user_id: id, role_id })
    expect((await root.get(`/sys/users/${id}`)).body.data.roles).toHaveLength(1)
    expect((await root.get(`/sys/users/${id}/roles`)).body.data).toHaveLength(1)
  })

  test('the roles of a user are the rows alone, the disabled ones too', async () => {
    const role_id = await makeRole(t.db, [], { status: 0, remark: 'resting' })
    const id = await make({ roles: [role_id] })
    expect((await root.get(`/sys/users/${id}/roles`)).body.data).toEqual([
      {
        id: role_id,
        name: expect.any(String),
        status: 0,
        is_filter_scopes: false,
        remark: 'resting',
        created_time: TIME,
        updated_time: null,
      },
    ])
  })

  test('whoever is filtered sees only the rows of their rules', async () => {
    const there = await makeDept(t.db, { name: 'Row scoped' })
    const [inside, outside] = [await make({ dept_id: there }), await make()]
    const rule = { model: 'User', column: '__dept_id__', operator: 0, expression: 0, value: '${dept_id}' }
    const person = await t.signInAs({ permissions: ['sys:user:get'], dept_id: there, rules: [rule] })
    const { items, total } = (await person.get('/sys/users')).body.data
    expect(items.map((one: { id: number }) => one.id)).toEqual([person.user_id, inside].sort((a, b) => b - a))
    expect(total).toBe(2)
    expect((await person.get(`/sys/users/${inside}`)).status).toBe(200)
    expect((await person.get(`/sys/users/${outside}`)).status).toBe(404)
    expect((await person.get(`/sys/users/${inside}/roles`)).status).toBe(200)
    expect((await person.get(`/sys/users/${outside}/roles`)).status).toBe(404)
    const ruleless = await t.signInAs({ permissions: ['sys:user:get'], rules: [] })
    expect((await ruleless.get('/sys/users')).body.data.items).toEqual([])
  })

  test('a role with a scope shows it once per role that holds it', async () => {
    const [a, b] = [await makeRole(t.db), await makeRole(t.db)]
    const scope_id = await giveScope(t.db, a, [])
    await t.db.insert(roleDataScope).values({ role_id: b, data_scope_id: scope_id })
    const { roles } = (await root.get(`/sys/users/${await make({ roles: [a, b] })}`)).body.data
    expect(roles).toMatchObject([{ scopes: [{ id: scope_id, rules: [] }] }, { scopes: [{ id: scope_id, rules: [] }] }])
  })

  test('a missing user is 404, a wrong parameter 422', async () => {
    expect((await root.get('/sys/users/999999')).body).toMatchObject({ code: 404, msg: '用户不存在' })
    expect((await root.get('/sys/users/999999/roles')).status).toBe(404)
    expect((await root.get('/sys/users/x')).status).toBe(422)
    expect((await root.get('/sys/users?size=1000')).body.data.errors).toEqual([
      { type: 'less_than_equal', loc: ['query', 'size'], msg: expect.any(String), input: '1000', ctx: { le: 200 } },
    ])
    for (const query of ['dept=x', 'status=2', 'page=0', `username=${'x'.repeat(65)}`])
      expect((await root.get(`/sys/users?${query}`)).status).toBe(422)
  })

  test('reading needs its code', async () => {
    const other = await t.signIn('sys:user:edit', 'sys:dept:get')
    const reader = await t.signInAs({ permissions: ['sys:user:get'], is_staff: false })
    for (const path of ['/sys/users', `/sys/users/${root.user_id}`, `/sys/users/${root.user_id}/roles`]) {
      expect((await t.anonymous.get(path)).status).toBe(401)
      expect((await other.get(path)).status).toBe(403)
      expect((await reader.get(path)).status).toBe(200)
    }
  })
})
