import { randomUUID } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menu, type NewMenu } from '#backend/app/admin/model/menu.model'
import { type NewRole, role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { type Answer, createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const RULE = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '1' }
const PAGE = { type: 1, status: 1, display: 1, cache: 1 }
const BEYOND = '不能授予自己没有的权限'
const OWN = '不能修改自己的权限'

const unique = (label: string) => `${label} ${randomUUID().slice(0, 8)}`

async function makeRole(fields: Partial<NewRole> = {}): Promise<{ id: number; name: string }> {
  const [row] = await t.db
    .insert(role)
    .values({ name: unique('Role'), ...fields })
    .returning()
  if (row === undefined) throw new Error('no role')
  return row
}

async function makeMenu(perms: string | null, fields: Partial<NewMenu> = {}): Promise<number> {
  const [row] = await t.db
    .insert(menu)
    .values({ ...PAGE, title: unique('Menu'), name: unique('Name'), perms, ...fields })
    .returning()
  return row?.id ?? 0
}

const give = (role_id: number, ...menu_ids: number[]) =>
  t.db.insert(roleMenu).values(menu_ids.map((menu_id) => ({ role_id, menu_id })))

const refused = ({ status, body }: Answer, msg: string) =>
  expect({ status, msg: body.msg }).toEqual({ status: 403, msg })
const accepted = ({ status, text }: Answer) => expect([status, text]).toEqual([200, expect.any(String)])

describe('nobody gives menus that they do not hold', () => {
  test('to a role: only menus whose every code is their own, or that carry none', async () => {
    const editor = await t.signIn('sys:role:menu:edit', 'sys:dept:get')
    const { id } = await makeRole()
    const held = await makeMenu('sys:dept:get')
    const open = await makeMenu(null)
    accepted(await editor.put(`/sys/roles/${id}/menus`, { menus: [held, open] }))
    const beyond = [
      await makeMenu('sys:user:del'),
      await makeMenu('sys:dept:get,sys:user:del'),
      await makeMenu('sys:user:del', { status: 0 }),
    ]
    for (const one of beyond) refused(await editor.put(`/sys/roles/${id}/menus`, { menus: [held, one] }), BEYOND)
    const links = await t.db.select().from(roleMenu).where(eq(roleMenu.role_id, id))
    expect(links.map(({ menu_id }) => menu_id)).toEqual([held, open])
    accepted(await root.put(`/sys/roles/${id}/menus`, { menus: beyond }))
  })

  test('what a role holds already may stay, and may be taken', async () => {
    const editor = await t.signIn('sys:role:menu:edit')
    const { id } = await makeRole()
    const beyond = await makeMenu('sys:user:del')
    await give(id, beyond)
    accepted(await editor.put(`/sys/roles/${id}/menus`, { menus: [beyond, await makeMenu(null)] }))
    accepted(await editor.put(`/sys/roles/${id}/menus`, { menus: [] }))
    refused(await editor.put(`/sys/roles/${id}/menus`, { menus: [beyond] }), BEYOND)
  })

  test('a menu of their own role may be given even while it is disabled', async () => {
    const editor = await t.signIn('sys:role:menu:edit')
    const disabled = await makeMenu('sys:user:del', { status: 0 })
    const { id } = await makeRole()
    refused(await editor.put(`/sys/roles/${id}/menus`, { menus: [disabled] }), BEYOND)
    await give(editor.role_id, disabled)
    accepted(await editor.put(`/sys/roles/${id}/menus`, { menus: [disabled] }))
  })
})

describe('nobody gives codes that they do not hold by way of a menu', () => {
  test('neither by a new menu nor by a code that is added to one, were it of their own role', async () => {
    const editor = await t.signIn('sys:menu:add', 'sys:menu:edit', 'sys:dept:get')
    const fields = () => ({ ...PAGE, title: unique('T'), name: unique('N') })
    accepted(await editor.post('/sys/menus', { ...fields(), perms: 'sys:dept:get' }))
    refused(await editor.post('/sys/menus', { ...fields(), perms: 'sys:dept:get,sys:user:del' }), BEYOND)
    refused(await editor.post('/sys/menus', { ...fields(), perms: 'sys:user:del', status: 0 }), BEYOND)
    const own = await makeMenu('sys:dept:get')
    await give(editor.role_id, own)
    refused(await editor.put(`/sys/menus/${own}`, { ...fields(), perms: 'sys:dept:get,sys:user:del' }), BEYOND)
    expect((await editor.delete('/sys/users/1')).status).toBe(403)
    accepted(await root.put(`/sys/menus/${own}`, { ...fields(), perms: 'sys:dept:get,sys:user:del' }))
  })

  test('a menu with codes beyond their own may be renamed and disabled, but not enabled', async () => {
    const editor = await t.signIn('sys:menu:edit')
    const id = await makeMenu('sys:user:del,sys:user:add')
    const fields = { ...PAGE, title: unique('T'), name: unique('N') }
    accepted(await editor.put(`/sys/menus/${id}`, { ...fields, perms: 'sys:user:add,sys:user:del' }))
    accepted(await editor.put(`/sys/menus/${id}`, { ...fields, perms: 'sys:user:add', status: 0 }))
    refused(await editor.put(`/sys/menus/${id}`, { ...fields, perms: 'sys:user:add', status: 1 }), BEYOND)
  })
})

describe('whoever is filtered lifts no filter and gives no scope of others', () => {
  const codes = ['sys:role:add', 'sys:role:edit', 'sys:role:scope:edit']

  test('a role that sees every row is made only by who sees every row', async () => {
    const filtered = await t.signInAs({ permissions: codes, rules: [RULE] })
    refused(await filtered.post('/sys/roles', { name: unique('F'), status: 1, is_filter_scopes: false }), BEYOND)
    accepted(await filtered.post('/sys/roles', { name: unique('F'), status: 1 }))
    const { id, name } = await makeRole()
    refused(await filtered.put(`/sys/roles/${id}`, { name, status: 1, is_filter_scopes: false }), BEYOND)
    const unfiltered = await t.signInAs({ permissions: codes })
    accepted(await unfiltered.put(`/sys/roles/${id}`, { name, status: 1, is_filter_scopes: false }))
    accepted(await unfiltered.post('/sys/roles', { name: unique('F'), status: 1, is_filter_scopes: false }))
    accepted(await filtered.put(`/sys/roles/${id}`, { name, status: 1, is_filter_scopes: true, remark: 'narrowed' }))
  })

  test('a scope is given only by who holds it or sees every row; what a role holds already may stay', async () => {
    const filtered = await t.signInAs({ permissions: codes, rules: [RULE] })
    const [link] = await t.db.select().from(roleDataScope).where(eq(roleDataScope.role_id, filtered.role_id))
    const own = link?.data_scope_id ?? 0
    const { id } = await makeRole()
    const foreign = await giveScope(t.db, (await makeRole()).id, [RULE])
    accepted(await filtered.put(`/sys/roles/${id}/scopes`, { scopes: [own] }))
    refused(await filtered.put(`/sys/roles/${id}/scopes`, { scopes: [own, foreign] }), BEYOND)
    accepted(await (await t.signInAs({ permissions: codes })).put(`/sys/roles/${id}/scopes`, { scopes: [foreign] }))
    accepted(await filtered.put(`/sys/roles/${id}/scopes`, { scopes: [own, foreign] }))
  })
})

describe('to enable a role is to give it', () => {
  const enable = (caller: SignedIn, { id, name }: { id: number; name: string }, fields: object = {}) =>
    caller.put(`/sys/roles/${id}`, { name, status: 1, ...fields })

  test('with the codes of its menus, its lifted filter and its scopes', async () => {
    const editor = await t.signInAs({ permissions: ['sys:role:edit', 'sys:dept:get'], rules: [RULE] })
    const plain = await makeRole({ status: 0 })
    await give(plain.id, await makeMenu('sys:dept:get'))
    accepted(await enable(editor, plain))

    const powerful = await makeRole({ status: 0 })
    await give(powerful.id, await makeMenu('sys:user:del'))
    refused(await enable(editor, powerful), BEYOND)

    const lifted = await makeRole({ status: 0, is_filter_scopes: false })
    refused(await enable(editor, lifted, { is_filter_scopes: false }), BEYOND)

    const scoped = await makeRole({ status: 0 })
    await giveScope(t.db, scoped.id, [RULE])
    refused(await enable(editor, scoped), BEYOND)

    for (const one of [powerful, lifted, scoped]) accepted(await enable(root, one))
  })
})

describe('nobody changes what their own roles give', () => {
  const codes = ['sys:role:edit', 'sys:role:del', 'sys:role:menu:edit', 'sys:role:scope:edit']

  test('not the menus, scopes, status or filter, nor by deletion; its name they may', async () => {
    const person = await t.signIn(...codes)
    const { role_id } = person
    const name = unique('Own')
    const other = await makeRole()
    refused(await person.put(`/sys/roles/${role_id}/menus`, { menus: [] }), OWN)
    refused(await person.put(`/sys/roles/${role_id}/scopes`, { scopes: [] }), OWN)
    refused(await person.put(`/sys/roles/${role_id}`, { name, status: 0, is_filter_scopes: false }), OWN)
    refused(await person.put(`/sys/roles/${role_id}`, { name, status: 1, is_filter_scopes: true }), OWN)
    refused(await person.delete('/sys/roles', { pks: [other.id, role_id] }), OWN)
    expect((await root.get(`/sys/roles/${other.id}`)).status).toBe(200)
    accepted(await person.put(`/sys/roles/${role_id}`, { name, status: 1, is_filter_scopes: false, remark: 'mine' }))
    accepted(await person.delete('/sys/roles', { pks: [other.id] }))
  })

  test('a role of theirs that is disabled is their own too', async () => {
    const person = await t.signIn(...codes)
    const dormant = await makeRole({ status: 0 })
    await t.db.insert(userRole).values({ user_id: person.user_id, role_id: dormant.id })
    refused(await person.put(`/sys/roles/${dormant.id}`, { name: dormant.name, status: 1 }), OWN)
    refused(await person.put(`/sys/roles/${dormant.id}/menus`, { menus: [] }), OWN)
  })

  test('a superuser may', async () => {
    const admin = await t.signInSuperuser()
    const beyond = await makeMenu('sys:user:del')
    accepted(await admin.put(`/sys/roles/${admin.role_id}/menus`, { menus: [beyond] }))
    accepted(
      await admin.put(`/sys/roles/${admin.role_id}`, { name: unique('Root'), status: 0, is_filter_scopes: false }),
    )
    accepted(await admin.delete('/sys/roles', { pks: [admin.role_id] }))
  })
})
