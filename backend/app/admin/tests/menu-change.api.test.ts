import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { role } from '#backend/app/admin/model/role.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { menuRows, PAGE } from '#backend/app/admin/tests/menu.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const { give, insert, make, rowOf } = menuRows(
  () => t,
  () => root,
)

describe('changing menus', () => {
  test('an update replaces every field; what is not given or empty becomes null or its default', async () => {
    const id = await make('Replace me', { sort: 7, path: '/x', icon: 'i', component: '/x', perms: 'x:y', remark: 'r' })
    const changed = { ...PAGE, title: 'Replaced', name: 'Replaced', path: '', link: '', cache: '0', parent_id: '' }
    expect((await root.put(`/sys/menus/${id}`, changed)).body).toEqual({ code: 200, msg: '请求成功', data: null })
    expect((await root.get(`/sys/menus/${id}`)).body.data).toMatchObject({
      title: 'Replaced',
      sort: 0,
      path: null,
      link: null,
      icon: null,
      component: null,
      perms: null,
      remark: null,
      cache: 0,
      updated_time: TIME,
    })
  })

  test('a title is taken among its siblings only', async () => {
    const a = await make('Title parent a')
    const b = await make('Title parent b')
    const button = { ...PAGE, type: 2, title: '新增' }
    expect((await root.post('/sys/menus', { ...button, name: 'A1', parent_id: a })).status).toBe(200)
    expect((await root.post('/sys/menus', { ...button, name: 'B1', parent_id: b })).status).toBe(200)
    expect((await root.post('/sys/menus', { ...button, name: 'A2', parent_id: a })).body).toEqual({
      code: 409,
      msg: '菜单标题已存在',
      data: null,
      trace_id: expect.any(String),
    })
    expect((await root.post('/sys/menus', { ...PAGE, title: 'Title parent a', name: 'Other' })).status).toBe(409)
    expect((await root.put(`/sys/menus/${b}`, { ...PAGE, title: 'Title parent a', name: 'x' })).status).toBe(409)
    expect((await root.put(`/sys/menus/${b}`, { ...PAGE, title: 'Title parent b', name: 'x' })).status).toBe(200)
  })

  test('a name is taken among all menus but buttons, for routes of one name replace each other', async () => {
    const a = await make('Name a', { name: 'OneName' })
    const child = { ...PAGE, title: 'Name b', name: 'OneName', parent_id: a }
    expect((await root.post('/sys/menus', child)).body).toMatchObject({ code: 409, msg: '菜单名称已存在' })
    expect((await root.post('/sys/menus', { ...child, type: 2 })).status).toBe(200)
    const { id } = await rowOf('Name b')
    expect((await root.put(`/sys/menus/${id}`, child)).status).toBe(409)
  })

  test('twenty creations of one title at once make one menu', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => root.post('/sys/menus', { ...PAGE, title: 'Raced', name: `Raced ${n}` })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
  })

  test('a menu cannot be moved below itself or below what is below it, not even by two moves at once', async () => {
    const a = await make('Cycle a')
    const b = await make('Cycle b', { parent_id: a })
    const move = (id: number, title: string, parent_id: number | null) =>
      root.put(`/sys/menus/${id}`, { ...PAGE, title, name: title, parent_id })
    expect((await move(a, 'Cycle a', a)).body).toMatchObject({ code: 403, msg: '不能将自身或下级菜单设为父级' })
    expect((await move(a, 'Cycle a', b)).status).toBe(403)
    expect((await move(b, 'Cycle b', null)).status).toBe(200)
    const answers = await Promise.all([move(a, 'Cycle a', b), move(b, 'Cycle b', a)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403])
  })

  test('one with children is not deleted; with its deletion it leaves the roles that held it', async () => {
    const above = await make('Holds a child')
    const below = await make('Is the child', { parent_id: above })
    const person = await t.signIn()
    await give(person.role_id, above, below)
    expect((await root.delete(`/sys/menus/${above}`)).body).toMatchObject({ code: 409, data: null })
    expect((await root.delete(`/sys/menus/${below}`)).status).toBe(200)
    expect((await root.delete(`/sys/menus/${above}`)).status).toBe(200)
    const links = await t.db.select().from(roleMenu).where(eq(roleMenu.role_id, person.role_id))
    expect(links).toEqual([])
    expect((await root.delete(`/sys/menus/${above}`)).status).toBe(404)
  })

  test('a menu that is deleted while a role is given it is not left with the role', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await insert({ title: `Deleted meanwhile ${round}` })
      const { role_id } = await t.signIn()
      const [given, deleted] = await Promise.all([
        root.put(`/sys/roles/${role_id}/menus`, { menus: [id] }),
        root.delete(`/sys/menus/${id}`),
      ])
      expect([200, 404]).toContain(given.status)
      expect(deleted.status).toBe(200)
      expect(await t.db.select().from(roleMenu).where(eq(roleMenu.menu_id, id))).toEqual([])
    }
  })

  test('a missing parent or row is 404', async () => {
    const fields = { ...PAGE, title: 'No parent', name: 'NoParent' }
    expect((await root.post('/sys/menus', { ...fields, parent_id: 999_999 })).body.msg).toBe('父级菜单不存在')
    expect((await root.post('/sys/menus', { ...fields, parent_id: 999_999 })).status).toBe(404)
    expect((await root.put('/sys/menus/999999', fields)).status).toBe(404)
  })

  test('an embedded page or external link needs an http or https address, and no menu takes another kind', async () => {
    const fields = { ...PAGE, title: 'Bad link', name: 'BadLink' }
    for (const type of [3, 4]) {
      expect((await root.post('/sys/menus', { ...fields, type })).body.data.errors).toMatchObject([
        { type: 'missing', loc: ['body', 'link'] },
      ])
      expect((await root.post('/sys/menus', { ...fields, type, link: '' })).body.data.errors).toMatchObject([
        { type: 'value_error', loc: ['body', 'link'], msg: '内嵌页面和外部链接必须填写' },
      ])
    }
    for (const link of [
      'javascript:alert(1)',
      'JavaScript:alert(1)',
      ' javascript:alert(1)',
      'data:text/html,x',
      '//x.y',
    ])
      for (const type of [1, 3, 4])
        expect((await root.post('/sys/menus', { ...fields, type, link })).body.data.errors).toMatchObject([
          { loc: ['body', 'link'], msg: '必须是 http 或 https 地址' },
        ])
  })

  test('what is wrong is named in the terms of the contract', async () => {
    const empty = await root.post('/sys/menus', {})
    expect(empty.status).toBe(422)
    expect(empty.body.data.errors.map(({ type, loc }: { type: string; loc: string[] }) => [type, loc[1]])).toEqual([
      ['missing', 'title'],
      ['missing', 'name'],
      ['missing', 'type'],
      ['missing', 'status'],
      ['missing', 'display'],
      ['missing', 'cache'],
    ])
    const bad = [
      { title: ' ' },
      { title: 'x'.repeat(65) },
      { name: 'x'.repeat(65) },
      { path: 'x'.repeat(201) },
      { icon: 'x'.repeat(129) },
      { component: 'x'.repeat(257) },
      { perms: 'x'.repeat(129) },
      { perms: 'a b' },
      { perms: 'a,,b' },
      { perms: 'a;b' },
      { remark: 'a\0b' },
      { remark: 'x'.repeat(1001) },
      { type: 5 },
      { status: 2 },
      { display: 2 },
      { cache: 'yes' },
      { sort: -1 },
      { parent_id: 0 },
    ]
    for (const fields of bad) {
      const { status } = await root.post('/sys/menus', { ...PAGE, title: 'Bad', name: 'Bad', ...fields })
      expect([fields, status]).toEqual([fields, 422])
    }
  })

  test('each change needs its own code, and staff', async () => {
    const id = await make('Guarded')
    const fields = { ...PAGE, title: 'Guarded', name: 'Guarded' }
    const reader = await t.signIn('sys:menu:get')
    expect((await reader.post('/sys/menus', fields)).status).toBe(403)
    expect((await reader.put(`/sys/menus/${id}`, fields)).status).toBe(403)
    expect((await reader.delete(`/sys/menus/${id}`)).status).toBe(403)
    const notStaff = await t.signInAs({ permissions: ['sys:menu:del'], is_staff: false })
    expect((await notStaff.delete(`/sys/menus/${id}`)).status).toBe(403)
    expect((await t.anonymous.post('/sys/menus', fields)).status).toBe(401)
    expect((await t.anonymous.put(`/sys/menus/${id}`, fields)).status).toBe(401)
    expect((await t.anonymous.delete(`/sys/menus/${id}`)).status).toBe(401)
    expect((await (await t.signIn('sys:menu:edit')).put(`/sys/menus/${id}`, fields)).status).toBe(200)
    const added = { ...PAGE, title: 'Added', name: 'Added' }
    expect((await (await t.signIn('sys:menu:add')).post('/sys/menus', added)).status).toBe(200)
    expect((await (await t.signIn('sys:menu:del')).delete(`/sys/menus/${id}`)).status).toBe(200)
  })

  test('a code that is taken from a menu, or a menu that is disabled or deleted, gives nothing from the next request on', async () => {
    const person = await t.signIn()
    const fields = { ...PAGE, title: 'Gives reading', name: 'GivesReading', perms: 'sys:dept:get' }
    const id = await make(fields.title, fields)
    await give(person.role_id, id)
    const change = async (changed: object) =>
      expect((await root.put(`/sys/menus/${id}`, { ...fields, ...changed })).status).toBe(200)
    const reading = async () => (await person.get('/sys/depts')).status
    await change({ perms: null })
    expect(await reading()).toBe(403)
    await change({})
    expect(await reading()).toBe(200)
    await change({ status: 0 })
    expect(await reading()).toBe(403)
    await change({})
    expect(await reading()).toBe(200)
    expect((await root.delete(`/sys/menus/${id}`)).status).toBe(200)
    expect(await reading()).toBe(403)
  })

  test('the roles of a database taken over may name menus that are gone', async () => {
    const [legacy] = await t.db.insert(role).values({ name: 'Legacy links' }).returning()
    await give(legacy?.id ?? 0, 987_654)
    expect((await root.get(`/sys/roles/${legacy?.id}/menus`)).body.data).toEqual([])
  })
})
