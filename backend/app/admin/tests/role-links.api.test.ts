import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const ascending = (a: number, b: number) => a - b
const RULE = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '1' }

async function make(name: string): Promise<number> {
  const [row] = await t.db.insert(role).values({ name }).returning()
  return row?.id ?? 0
}

/** Ids of seeded menus, in the order of their names here. */
async function menuIds(...names: string[]): Promise<number[]> {
  const rows = await t.db.select().from(menu).where(inArray(menu.name, names))
  return names.map((name) => rows.find((row) => row.name === name)?.id ?? 0)
}

const menusOf = async (role_id: number) =>
  (await t.db.select().from(roleMenu).where(eq(roleMenu.role_id, role_id)))
    .map(({ menu_id }) => menu_id)
    .sort(ascending)

async function makeScope(name: string): Promise<number> {
  const [row] = await t.db.insert(dataScope).values({ name }).returning()
  return row?.id ?? 0
}

describe('the menus of a role', () => {
  test('they are replaced as a set and read as a tree in which a menu without its parent is a root', async () => {
    const id = await make('Has menus')
    const [dashboard, analytics, page, button] = await menuIds('Dashboard', 'Analytics', 'SysDept', 'AddSysDept')
    const menus = [button, page, analytics, dashboard, String(page)]
    expect((await root.put(`/sys/roles/${id}/menus`, { menus })).body).toMatchObject({ code: 200, data: null })
    const { data } = (await root.get(`/sys/roles/${id}/menus`)).body
    expect(data).toMatchObject([
      { id: dashboard, children: [{ id: analytics, children: null }] },
      { id: page, children: [{ id: button, perms: 'sys:dept:add', children: null }] },
    ])
    expect(await menusOf(id)).toHaveLength(4)
    expect((await root.put(`/sys/roles/${id}/menus`, { menus: [page] })).status).toBe(200)
    expect(await menusOf(id)).toEqual([page])
    expect((await root.put(`/sys/roles/${id}/menus`, { menus: [] })).status).toBe(200)
    expect((await root.get(`/sys/roles/${id}/menus`)).body.data).toEqual([])
  })

  test('a missing menu or role is 404 and changes nothing', async () => {
    const id = await make('Keeps menus')
    const [page] = await menuIds('SysDept')
    await root.put(`/sys/roles/${id}/menus`, { menus: [page] })
    expect((await root.put(`/sys/roles/${id}/menus`, { menus: [999_999] })).body).toMatchObject({
      code: 404,
      msg: '菜单不存在',
    })
    expect(await menusOf(id)).toEqual([page])
    expect((await root.put('/sys/roles/999999/menus', { menus: [] })).status).toBe(404)
    for (const body of [{}, { menus: null }, { menus: ['x'] }, { menus: [0] }])
      expect((await root.put(`/sys/roles/${id}/menus`, body)).status).toBe(422)
  })

  test('of several replacements at once one stays, whole', async () => {
    const id = await make('Contended menus')
    const all = await menuIds('Dashboard', 'Analytics', 'SysDept', 'SysUser', 'SysRole', 'SysMenu')
    const sets = [all.slice(0, 2), all.slice(2, 4), all.slice(4), all].map((set) => [...set].sort(ascending))
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(sets.map((menus) => root.put(`/sys/roles/${id}/menus`, { menus })))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
      expect(sets).toContainEqual(await menusOf(id))
    }
  })

  test('a menu that a role is given or loses counts from the next request on', async () => {
    const person = await t.signIn()
    const [page] = await menuIds('SysDept')
    await root.put(`/sys/roles/${person.role_id}/menus`, { menus: [page] })
    expect((await person.get('/sys/depts')).status).toBe(200)
    await root.put(`/sys/roles/${person.role_id}/menus`, { menus: [] })
    expect((await person.get('/sys/depts')).status).toBe(403)
  })
})

describe('the data scopes of a role', () => {
  test('they are replaced as a set and read as ids', async () => {
    const id = await make('Has scopes')
    const a = await makeScope('Scope a')
    const b = await makeScope('Scope b')
    expect((await root.put(`/sys/roles/${id}/scopes`, { scopes: [b, a, String(b)] })).body).toMatchObject({ code: 200 })
    expect((await root.get(`/sys/roles/${id}/scopes`)).body.data).toEqual([a, b])
    expect((await root.put(`/sys/roles/${id}/scopes`, { scopes: [b] })).status).toBe(200)
    expect((await root.put(`/sys/roles/${id}/scopes`, { scopes: [a, 999_999] })).body).toMatchObject({
      code: 404,
      msg: '数据范围不存在',
    })
    expect((await root.get(`/sys/roles/${id}/scopes`)).body.data).toEqual([b])
    expect((await root.put(`/sys/roles/${id}/scopes`, { scopes: [] })).status).toBe(200)
    expect((await root.get(`/sys/roles/${id}/scopes`)).body.data).toEqual([])
    expect((await root.put('/sys/roles/999999/scopes', { scopes: [] })).status).toBe(404)
    expect((await root.put(`/sys/roles/${id}/scopes`, {})).status).toBe(422)
  })

  test('of several replacements at once one stays, whole', async () => {
    const id = await make('Contended scopes')
    const sets = [
      [await makeScope('Contended a'), await makeScope('Contended b')],
      [await makeScope('Contended c'), await makeScope('Contended d')],
    ]
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(sets.map((scopes) => root.put(`/sys/roles/${id}/scopes`, { scopes })))
      const links = await t.db.select().from(roleDataScope).where(eq(roleDataScope.role_id, id))
      expect(sets).toContainEqual(links.map(({ data_scope_id }) => data_scope_id).sort(ascending))
    }
  })

  test('a scope that a role loses shows nothing from the next request on', async () => {
    const person = await t.signInAs({ permissions: ['sys:dept:get'], rules: [RULE] })
    expect((await person.get('/sys/depts')).body.data).toMatchObject([{ id: 1 }])
    expect((await root.put(`/sys/roles/${person.role_id}/scopes`, { scopes: [] })).status).toBe(200)
    expect((await person.get('/sys/depts')).body.data).toEqual([])
  })
})
