import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const ascending = (a: number, b: number) => a - b
const RULE = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '1' }

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(name: string, fields: object = {}): Promise<number> {
  const answer = await root.post('/sys/roles', { name, status: 1, ...fields })
  expect(answer.body).toEqual({ code: 200, msg: '请求成功', data: null })
  const [row] = await t.db.select().from(role).where(eq(role.name, name))
  return row?.id ?? 0
}

/** Ids of seeded menus, in the order of their names here. */
async function menuIds(...names: string[]): Promise<number[]> {
  const rows = await t.db.select().from(menu).where(inArray(menu.name, names))
  return names.map((name) => rows.find((row) => row.name === name)?.id ?? 0)
}

describe('reading roles', () => {
  test('a page holds the newest first, filtered by part of the name and status, with links that keep the filter', async () => {
    const id = await make('auditor', { remark: 'r' })
    const { status, body } = await root.get('/sys/roles?name=AUDIT')
    expect(status).toBe(200)
    expect(body.data).toEqual({
      items: [
        {
          name: 'auditor',
          status: 1,
          is_filter_scopes: true,
          remark: 'r',
          id,
          created_time: TIME,
          updated_time: null,
        },
      ],
      total: 1,
      page: 1,
      size: 20,
      total_pages: 1,
      links: {
        first: '/api/v1/sys/roles?name=AUDIT&page=1&size=20',
        last: '/api/v1/sys/roles?name=AUDIT&page=1&size=20',
        self: '/api/v1/sys/roles?name=AUDIT',
        next: null,
        prev: null,
      },
    })
    const off = await make('auditor off', { status: 0 })
    expect((await root.get('/sys/roles?name=auditor&status=0')).body.data.items).toMatchObject([{ id: off }])
    const second = (await root.get('/sys/roles?name=auditor&page=2&size=1&status=')).body.data
    expect(second).toMatchObject({ items: [{ id }], total: 2, total_pages: 2, links: { next: null } })
    expect((await root.get('/sys/roles?size=201')).status).toBe(422)
  })

  test('all roles come as a bare list, oldest first', async () => {
    const id = await make('chosen from')
    const { data } = (await root.get('/sys/roles/all')).body
    expect(data.at(-1)).toEqual({
      name: 'chosen from',
      status: 1,
      is_filter_scopes: true,
      remark: null,
      id,
      created_time: TIME,
      updated_time: null,
    })
    const ids = data.map((row: { id: number }) => row.id)
    expect(ids).toEqual([...ids].sort(ascending))
  })

  test('a role comes with its menus in one flat list and its scopes with their rules', async () => {
    const id = await make('detailed')
    expect((await root.get(`/sys/roles/${id}`)).body.data).toEqual({
      name: 'detailed',
      status: 1,
      is_filter_scopes: true,
      remark: null,
      id,
      created_time: TIME,
      updated_time: null,
      menus: [],
      scopes: [],
    })
    const [page, button] = await menuIds('SysDept', 'AddSysDept')
    await root.put(`/sys/roles/${id}/menus`, { menus: [button, page] })
    const ruled = await giveScope(t.db, id, [RULE, { ...RULE, value: '2' }])
    const bare = await giveScope(t.db, id, [])
    const { data } = (await root.get(`/sys/roles/${id}`)).body
    expect(data.menus.map((row: { id: number }) => row.id)).toEqual([button, page])
    expect(data.menus[0]).not.toHaveProperty('children')
    expect(data.scopes).toEqual([
      {
        id: ruled,
        name: expect.any(String),
        status: 1,
        created_time: TIME,
        updated_time: null,
        rules: [
          {
            ...RULE,
            id: expect.any(Number),
            name: expect.any(String),
            created_time: TIME,
            updated_time: null,
          },
          expect.objectContaining({ value: '2' }),
        ],
      },
      expect.objectContaining({ id: bare, rules: [] }),
    ])
  })

  test('what is not there is 404, what is no id is 422', async () => {
    for (const path of ['', '/menus', '/scopes']) {
      expect((await root.get(`/sys/roles/999999${path}`)).body).toMatchObject({ code: 404, msg: '角色不存在' })
      expect((await root.get(`/sys/roles/abc${path}`)).body.data.errors).toMatchObject([
        { type: 'int_parsing', loc: ['path', 'pk'], input: 'abc' },
      ])
    }
  })

  test('reading takes the code of the page; the list to choose from also that of the users', async () => {
    const paths = ['', '/1', '/1/menus', '/1/scopes', '/all'].map((path) => `/sys/roles${path}`)
    const outcome = async (caller: { get: SignedIn['get'] }) =>
      (await Promise.all(paths.map((path) => caller.get(path)))).map(({ status }) => status)
    expect(await outcome(await t.signIn('sys:role:get'))).toEqual([200, 200, 200, 200, 200])
    expect(await outcome(await t.signIn('sys:user:get'))).toEqual([403, 403, 403, 403, 200])
    expect(await outcome(await t.signIn())).toEqual([403, 403, 403, 403, 403])
    expect(await outcome(t.anonymous)).toEqual([401, 401, 401, 401, 401])
  })
})

describe('changing roles', () => {
  test('an update replaces every field', async () => {
    const id = await make('Replace me', { remark: 'r', is_filter_scopes: false })
    expect((await root.put(`/sys/roles/${id}`, { name: 'Replaced', status: '0' })).status).toBe(200)
    expect((await root.get(`/sys/roles/${id}`)).body.data).toMatchObject({
      name: 'Replaced',
      status: 0,
      is_filter_scopes: true,
      remark: null,
      updated_time: TIME,
    })
    expect((await root.put('/sys/roles/999999', { name: 'Nothing', status: 1 })).status).toBe(404)
  })

  test('a name is taken once, by creation and by update; its own stays', async () => {
    await make('Taken')
    const id = await make('Free')
    const taken = { code: 409, msg: '角色名称已存在', data: null, trace_id: expect.any(String) }
    expect((await root.post('/sys/roles', { name: 'Taken', status: 1 })).body).toEqual(taken)
    expect((await root.put(`/sys/roles/${id}`, { name: 'Taken', status: 1 })).body).toEqual(taken)
    expect((await root.put(`/sys/roles/${id}`, { name: 'Free', status: 1 })).status).toBe(200)
  })

  test('twenty creations of one name at once make one role', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => root.post('/sys/roles', { name: 'Raced', status: 1 })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
  })

  test('a deletion takes the links of the roles with it, all or none', async () => {
    const person = await t.signIn('sys:dept:get')
    const other = await make('Deleted too')
    await giveScope(t.db, person.role_id, [RULE])
    expect((await root.delete('/sys/roles', { pks: [person.role_id, 999_999] })).status).toBe(404)
    expect((await person.get('/sys/depts')).status).toBe(200)
    expect((await root.delete('/sys/roles', { pks: [person.role_id, other, String(other)] })).body).toEqual({
      code: 200,
      msg: '请求成功',
      data: null,
    })
    expect((await root.get(`/sys/roles/${other}`)).status).toBe(404)
    for (const links of [userRole, roleMenu, roleDataScope])
      expect(await t.db.select().from(links).where(eq(links.role_id, person.role_id))).toEqual([])
    expect((await person.get('/sys/depts')).status).toBe(403)
  })

  test('deletions of overlapping roles at once do not wait for each other forever', async () => {
    const pks: number[] = []
    for (let n = 0; n < 6; n += 1) pks.push(await make(`Overlap ${n}`))
    const answers = await Promise.all([
      root.delete('/sys/roles', { pks }),
      root.delete('/sys/roles', { pks: [...pks].reverse() }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404])
  })

  test('disabling a role ends what it gives at the next request', async () => {
    const person = await t.signIn('sys:dept:get')
    const name = `Switched ${person.role_id}`
    const set = (status: number) => root.put(`/sys/roles/${person.role_id}`, { name, status, is_filter_scopes: false })
    await set(0)
    expect((await person.get('/sys/depts')).status).toBe(403)
    await set(1)
    expect((await person.get('/sys/depts')).status).toBe(200)
  })

  test('what is wrong is named in the terms of the contract', async () => {
    expect((await root.post('/sys/roles', {})).body.data.errors).toEqual([
      { type: 'missing', loc: ['body', 'name'], msg: expect.any(String), input: {} },
      { type: 'missing', loc: ['body', 'status'], msg: expect.any(String), input: {} },
    ])
    const bad = [
      { name: ' ' },
      { name: 'x'.repeat(33) },
      { name: 'a\0b' },
      { status: 2 },
      { is_filter_scopes: 'maybe' },
      { remark: 'x'.repeat(1001) },
    ]
    for (const fields of bad) {
      const { status } = await root.post('/sys/roles', { name: 'Bad', status: 1, ...fields })
      expect([fields, status]).toEqual([fields, 422])
    }
    for (const body of [{}, { pks: [] }, { pks: ['x'] }, { pks: 1 }])
      expect((await root.delete('/sys/roles', body)).status).toBe(422)
  })

  test('each change needs its own code, and staff', async () => {
    const id = await make('Guarded')
    const changes = (caller: Pick<SignedIn, 'put' | 'post' | 'delete'>) => [
      () => caller.post('/sys/roles', { name: 'Guarded new', status: 1 }),
      () => caller.put(`/sys/roles/${id}`, { name: 'Guarded', status: 1 }),
      () => caller.put(`/sys/roles/${id}/menus`, { menus: [] }),
      () => caller.put(`/sys/roles/${id}/scopes`, { scopes: [] }),
      () => caller.delete('/sys/roles', { pks: [id] }),
    ]
    const outcome = async (caller: Pick<SignedIn, 'put' | 'post' | 'delete'>) => {
      const statuses: number[] = []
      for (const change of changes(caller)) statuses.push((await change()).status)
      return statuses
    }
    const codes = ['sys:role:add', 'sys:role:edit', 'sys:role:menu:edit', 'sys:role:scope:edit', 'sys:role:del']
    expect(await outcome(await t.signIn('sys:role:get'))).toEqual([403, 403, 403, 403, 403])
    expect(await outcome(await t.signInAs({ permissions: codes, is_staff: false }))).toEqual([403, 403, 403, 403, 403])
    expect(await outcome(t.anonymous)).toEqual([401, 401, 401, 401, 401])
    for (const [index, code] of codes.entries()) {
      const person = await t.signIn(code)
      expect((await changes(person)[index]?.())?.status).toBe(200)
    }
  })
})
