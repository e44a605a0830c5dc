import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menuRows } from '#backend/app/admin/tests/menu.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const { make, rowOf } = menuRows(
  () => t,
  () => root,
)

// biome-ignore lint/suspicious/noExplicitAny: the shape under test is what a test asserts
const namesIn = (nodes: any[]): string[] => nodes.flatMap((node) => [node.name, ...namesIn(node.children ?? [])])

describe('reading menus', () => {
  test('the tree nests by parent, sorts by position, says null for a leaf and holds buttons', async () => {
    const { status, body } = await root.get('/sys/menus')
    expect(status).toBe(200)
    expect(body).toMatchObject({ code: 200, msg: '请求成功' })
    const dashboard = await rowOf('page.dashboard.title')
    expect(body.data[0]).toEqual({
      title: 'page.dashboard.title',
      name: 'Dashboard',
      path: '/dashboard',
      parent_id: null,
      sort: 0,
      icon: 'ant-design:dashboard-outlined',
      type: 0,
      component: null,
      perms: null,
      status: 1,
      display: 1,
      cache: 1,
      link: '',
      remark: null,
      id: dashboard.id,
      created_time: TIME,
      updated_time: null,
      children: [
        expect.objectContaining({ name: 'Analytics', parent_id: dashboard.id, children: null }),
        expect.objectContaining({ name: 'Workspace', parent_id: dashboard.id, children: null }),
      ],
    })
    expect(namesIn(body.data)).toContain('AddSysDept')
  })

  test('a filter keeps a row whose parent it drops, and an empty one filters nothing', async () => {
    const above = await make('Filter above')
    const below = await make('Filter below', { parent_id: above, status: 0 })
    expect((await root.get('/sys/menus?title=filter%20below')).body.data).toMatchObject([{ id: below, children: null }])
    expect((await root.get('/sys/menus?title=Filter&status=1')).body.data).toMatchObject([
      { id: above, children: null },
    ])
    expect(namesIn((await root.get('/sys/menus?title=&status=')).body.data)).toContain('Filter above')
    expect((await root.get('/sys/menus?title=%25')).body.data).toEqual([])
  })

  test('a single menu has no children field', async () => {
    const id = await make('Golden', { path: '/golden', sort: 9, component: '/golden/index' })
    expect((await root.get(`/sys/menus/${id}`)).body.data).toEqual({
      title: 'Golden',
      name: 'Golden',
      path: '/golden',
      parent_id: null,
      sort: 9,
      icon: null,
      type: 1,
      component: '/golden/index',
      perms: null,
      status: 1,
      display: 1,
      cache: 1,
      link: null,
      remark: null,
      id,
      created_time: TIME,
      updated_time: null,
    })
    expect((await root.get('/sys/menus/999999')).status).toBe(404)
    expect((await root.get('/sys/menus/abc')).status).toBe(422)
  })

  test('the tree opens with the code of either page that shows it, a single menu only with its own', async () => {
    const rolePage = await t.signIn('sys:role:get')
    expect((await rolePage.get('/sys/menus')).status).toBe(200)
    expect((await rolePage.get('/sys/menus/1')).status).toBe(403)
    expect((await (await t.signIn('sys:menu:get')).get('/sys/menus/1')).status).toBe(200)
    expect((await (await t.signIn()).get('/sys/menus')).status).toBe(403)
    for (const path of ['/sys/menus', '/sys/menus/1', '/sys/menus/sidebar'])
      expect((await t.anonymous.get(path)).status).toBe(401)
  })
})
