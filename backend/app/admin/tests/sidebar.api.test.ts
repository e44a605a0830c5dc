import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Menu, menu, type NewMenu } from '#backend/app/admin/model/menu.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)

async function rowOf(title: string): Promise<Menu> {
  const [row] = await t.db.select().from(menu).where(eq(menu.title, title))
  if (row === undefined) throw new Error(`no menu ${title}`)
  return row
}

async function make(title: string, fields: Partial<NewMenu> = {}): Promise<number> {
  const [row] = await t.db
    .insert(menu)
    .values({ type: 1, title, name: title, ...fields })
    .returning()
  return row?.id ?? 0
}

const give = (role_id: number, ...menu_ids: number[]) =>
  t.db.insert(roleMenu).values(menu_ids.map((menu_id) => ({ role_id, menu_id })))

// biome-ignore lint/suspicious/noExplicitAny: the shape under test is what a test asserts
const namesIn = (nodes: any[]): string[] => nodes.flatMap((node) => [node.name, ...namesIn(node.children ?? [])])

describe('the sidebar', () => {
  test('whose roles hold nothing still gets what the front end cannot work without, in exactly this shape', async () => {
    const { status, body } = await (await t.signIn()).get('/sys/menus/sidebar')
    expect(status).toBe(200)
    const dashboard = await rowOf('page.dashboard.title')
    const analytics = await rowOf('page.dashboard.analytics')
    const profile = await rowOf('page.menu.profile')
    const meta = { iframeSrc: '', link: '', keepAlive: 1, hideInMenu: false, menuVisibleWithForbidden: false }
    const common = { perms: null, remark: null, created_time: TIME, updated_time: null }
    expect(body.data).toEqual([
      {
        ...common,
        id: dashboard.id,
        name: 'Dashboard',
        path: '/dashboard',
        sort: 0,
        type: 0,
        component: null,
        parent_id: null,
        meta: { ...meta, title: 'page.dashboard.title', icon: 'ant-design:dashboard-outlined' },
        children: [
          {
            ...common,
            id: analytics.id,
            name: 'Analytics',
            path: '/analytics',
            sort: 0,
            type: 1,
            component: '/dashboard/analytics/index',
            parent_id: dashboard.id,
            meta: { ...meta, title: 'page.dashboard.analytics', icon: 'lucide:area-chart' },
          },
        ],
      },
      {
        ...common,
        id: profile.id,
        name: 'Profile',
        path: '/profile',
        sort: 6,
        type: 1,
        component: '/_core/profile/index',
        parent_id: null,
        meta: { ...meta, title: 'page.menu.profile', icon: 'ant-design:profile-outlined', hideInMenu: true },
      },
    ])
  })

  test('superusers get every menu but buttons', async () => {
    const { body } = await root.get('/sys/menus/sidebar')
    const wanted = (await t.db.select().from(menu)).filter(({ type }) => type !== 2).map(({ name }) => name)
    expect(namesIn(body.data).sort()).toEqual(wanted.sort())
  })

  test('others get the menus of their enabled roles, a node without its parent as a root, by sort and id', async () => {
    const person = await t.signIn()
    const below = await rowOf('page.menu.redis')
    await give(person.role_id, below.id, below.id, (await rowOf('page.dashboard.workspace')).id)
    const { data } = (await person.get('/sys/menus/sidebar')).body
    expect(data.map(({ name }: Menu) => name)).toEqual(['Dashboard', 'Redis', 'Profile'])
    expect(namesIn(data)).toEqual(['Dashboard', 'Analytics', 'Workspace', 'Redis', 'Profile'])
    expect((await root.put(`/sys/roles/${person.role_id}`, { name: 'Sidebar off', status: 0 })).status).toBe(200)
    expect(namesIn((await person.get('/sys/menus/sidebar')).body.data)).toEqual(['Dashboard', 'Analytics', 'Profile'])
  })

  test('an embedded page carries its address as iframeSrc, an external link as link, any other type neither', async () => {
    const link = 'https://example.com/a?b=c'
    const person = await t.signIn()
    const types = { 'Plain page': 1, 'Framed page': 3, 'Linked page': 4 }
    for (const [title, type] of Object.entries(types)) await give(person.role_id, await make(title, { type, link }))
    const { data } = (await person.get('/sys/menus/sidebar')).body
    const metaOf = (name: string) => data.find((node: Menu) => node.name === name).meta
    expect(metaOf('Plain page')).toMatchObject({ iframeSrc: '', link: '' })
    expect(metaOf('Framed page')).toMatchObject({ iframeSrc: link, link: '' })
    expect(metaOf('Linked page')).toMatchObject({ iframeSrc: '', link })
  })

  test('a disabled menu shows and is marked as refused', async () => {
    const person = await t.signIn()
    await give(person.role_id, await make('Switched off', { status: 0, cache: 0 }))
    const { data } = (await person.get('/sys/menus/sidebar')).body
    expect(data.find(({ name }: Menu) => name === 'Switched off').meta).toMatchObject({
      menuVisibleWithForbidden: true,
      keepAlive: 0,
    })
  })

  test('it takes no permission, but a session', async () => {
    expect((await t.anonymous.get('/sys/menus/sidebar')).status).toBe(401)
    const reader = await t.signInAs({ is_staff: false })
    expect((await reader.get('/sys/menus/sidebar')).status).toBe(200)
  })

  test('a route that everybody has goes back to the roles once it carries a code', async () => {
    const person = await t.signIn()
    const set = (perms: string | null) => t.db.update(menu).set({ perms }).where(eq(menu.name, 'Profile'))
    await set('sys:profile:get')
    expect(namesIn((await person.get('/sys/menus/sidebar')).body.data)).not.toContain('Profile')
    await set('')
    expect(namesIn((await person.get('/sys/menus/sidebar')).body.data)).toContain('Profile')
    await set(null)
  })
})
