import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const OWN_DEPT = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '${dept_id}' }
const EVERY_DEPT = { model: 'Dept', column: 'id', operator: 0, expression: 2, value: '0' }

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(name: string, status = 1): Promise<number> {
  expect(await root.post('/sys/data-scopes', { name, status })).toMatchObject({ status: 200, body: { data: null } })
  const [row] = await t.db.select().from(dataScope).where(eq(dataScope.name, name))
  return row?.id ?? 0
}

async function makeRule(name: string, fields = OWN_DEPT): Promise<number> {
  const rows = t.db.insert(dataRule).values({ ...fields, name })
  return (await rows.returning())[0]?.id ?? 0
}

async function rulesOf(scope_id: number): Promise<number[]> {
  const links = await t.db.select().from(dataScopeRule).where(eq(dataScopeRule.data_scope_id, scope_id))
  return links.map(({ data_rule_id }) => data_rule_id).sort((a, b) => a - b)
}

describe('reading data scopes', () => {
  test('a page has the newest first, counts what the filter left, and links keep the filter', async () => {
    const older = await make('Paged older')
    const newer = await make('Paged newer', 0)
    const { body, status } = await root.get('/sys/data-scopes?name=paged&size=1')
    expect(status).toBe(200)
    expect(body).toEqual({
      code: 200,
      msg: '请求成功',
      data: {
        items: [{ id: newer, name: 'Paged newer', status: 0, created_time: TIME, updated_time: null }],
        total: 2,
        page: 1,
        size: 1,
        total_pages: 2,
        links: {
          first: '/api/v1/sys/data-scopes?name=paged&page=1&size=1',
          last: '/api/v1/sys/data-scopes?name=paged&page=2&size=1',
          self: '/api/v1/sys/data-scopes?name=paged&size=1',
          next: '/api/v1/sys/data-scopes?name=paged&page=2&size=1',
          prev: null,
        },
      },
    })
    expect((await root.get('/sys/data-scopes?name=paged&size=1&page=2')).body.data.items).toMatchObject([{ id: older }])
    expect((await root.get('/sys/data-scopes?name=Paged&status=0')).body.data.items).toMatchObject([{ id: newer }])
  })

  test('empty filters filter nothing, and a page beyond the last is empty', async () => {
    await make('Any')
    expect((await root.get('/sys/data-scopes?name=&status=')).body.data.total).toBeGreaterThan(0)
    expect((await root.get('/sys/data-scopes?page=1000')).body.data).toMatchObject({ items: [], links: { next: null } })
  })

  test('one scope comes alone or with its whole rules, and among all in a bare array', async () => {
    const id = await make('With rules')
    const rule = await makeRule('A rule of it')
    expect((await root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] })).status).toBe(200)
    const scope = { id, name: 'With rules', status: 1, created_time: TIME, updated_time: null }
    expect((await root.get(`/sys/data-scopes/${id}`)).body.data).toEqual(scope)
    expect((await root.get('/sys/data-scopes/all')).body.data).toContainEqual(scope)
    expect((await root.get(`/sys/data-scopes/${id}/rules`)).body.data).toEqual({
      ...scope,
      rules: [{ ...OWN_DEPT, id: rule, name: 'A rule of it', created_time: TIME, updated_time: null }],
    })
  })

  test('one that is missing is 404, an id that is none is 422', async () => {
    for (const path of ['/sys/data-scopes/999999', '/sys/data-scopes/999999/rules'])
      expect((await root.get(path)).body).toMatchObject({ code: 404, data: null, trace_id: expect.any(String) })
    for (const pk of ['x', '0', '-1', '1e3', '9007199254740993'])
      expect((await root.get(`/sys/data-scopes/${pk}`)).body.data.errors).toMatchObject([{ loc: ['path', 'pk'] }])
    for (const query of ['page=0', 'size=0', 'size=201', 'status=2', `name=${'x'.repeat(65)}`])
      expect((await root.get(`/sys/data-scopes?${query}`)).status).toBe(422)
  })

  test('choosing a scope for a role opens the list and the rules, nothing else', async () => {
    const id = await make('Chosen')
    const rolePage = await t.signIn('sys:role:get')
    expect((await rolePage.get('/sys/data-scopes/all')).status).toBe(200)
    expect((await rolePage.get(`/sys/data-scopes/${id}/rules`)).status).toBe(200)
    expect((await rolePage.get('/sys/data-scopes')).status).toBe(403)
    expect((await rolePage.get(`/sys/data-scopes/${id}`)).status).toBe(403)
    const scopePage = await t.signIn('data:scope:get')
    const nothing = await t.signIn('sys:user:get')
    for (const path of ['', '/all', `/${id}`, `/${id}/rules`]) {
      expect((await scopePage.get(`/sys/data-scopes${path}`)).status).toBe(200)
      expect((await nothing.get(`/sys/data-scopes${path}`)).status).toBe(403)
      expect((await t.anonymous.get(`/sys/data-scopes${path}`)).status).toBe(401)
    }
  })
})

describe('changing data scopes', () => {
  test('an update replaces name and status, and needs both', async () => {
    const id = await make('Before')
    expect((await root.put(`/sys/data-scopes/${id}`, { name: 'After', status: 0 })).body).toMatchObject({ data: null })
    const after = { name: 'After', status: 0, updated_time: TIME }
    expect((await root.get(`/sys/data-scopes/${id}`)).body.data).toMatchObject(after)
    expect((await root.put(`/sys/data-scopes/${id}`, { name: 'After' })).body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'status'] },
    ])
    expect((await root.put('/sys/data-scopes/999999', { name: 'Nothing', status: 1 })).status).toBe(404)
  })

  test('what does not fit is named', async () => {
    expect((await root.post('/sys/data-scopes', {})).body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'name'] },
      { type: 'missing', loc: ['body', 'status'] },
    ])
    for (const bad of [{ name: '' }, { name: ' ' }, { name: 'a\0' }, { name: 'x'.repeat(65) }, { status: 3 }])
      expect((await root.post('/sys/data-scopes', { name: 'Bad', status: 1, ...bad })).status).toBe(422)
  })

  test('a name is taken once, whoever asks at the same time', async () => {
    const body = { name: 'Raced', status: 1 }
    const answers = await Promise.all(Array.from({ length: 20 }, () => root.post('/sys/data-scopes', body)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
    const other = await make('Not raced')
    expect((await root.put(`/sys/data-scopes/${other}`, body)).status).toBe(409)
    expect((await root.put(`/sys/data-scopes/${other}`, { name: 'Not raced', status: 1 })).status).toBe(200)
  })

  test('a deletion takes the scopes from their roles and rules from the scopes, but leaves roles and rules', async () => {
    const ids = [await make('Gone a'), await make('Gone b')]
    const rule = await makeRule('Outlives its scopes')
    for (const id of ids) await root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] })
    const [holder] = await t.db.insert(role).values({ name: 'Outlives its scopes' }).returning()
    const role_id = holder?.id ?? 0
    await t.db.insert(roleDataScope).values(ids.map((data_scope_id) => ({ role_id, data_scope_id })))
    expect((await root.delete('/sys/data-scopes', { pks: [...ids, ids[0]] })).body).toMatchObject({ data: null })
    expect(await t.db.select().from(dataScope).where(inArray(dataScope.id, ids))).toEqual([])
    expect(await t.db.select().from(roleDataScope).where(eq(roleDataScope.role_id, role_id))).toEqual([])
    expect(await t.db.select().from(dataScopeRule).where(inArray(dataScopeRule.data_scope_id, ids))).toEqual([])
    expect(await t.db.select().from(role).where(eq(role.id, role_id))).toHaveLength(1)
    expect(await t.db.select().from(dataRule).where(eq(dataRule.id, rule))).toHaveLength(1)
  })

  test('a deletion with a missing id deletes nothing', async () => {
    const id = await make('Kept')
    const rule = await makeRule('Kept with its scope')
    await root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] })
    expect((await root.delete('/sys/data-scopes', { pks: [id, 999_999] })).status).toBe(404)
    expect((await root.get(`/sys/data-scopes/${id}`)).status).toBe(200)
    expect(await rulesOf(id)).toEqual([rule])
    for (const body of [{}, { pks: [] }, { pks: ['x'] }, { pks: 1 }])
      expect((await root.delete('/sys/data-scopes', body)).status).toBe(422)
  })

  test('one scope deleted twice at once is deleted once', async () => {
    const id = await make('Deleted twice')
    const answers = await Promise.all(Array.from({ length: 5 }, () => root.delete('/sys/data-scopes', { pks: [id] })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404])
  })

  test('each change needs its own code, and staff', async () => {
    const id = await make('Guarded')
    const changes = [
      ['data:scope:add', 'post', '', { name: 'By its code', status: 1 }],
      ['data:scope:edit', 'put', `/${id}`, { name: 'Guarded', status: 1 }],
      ['data:scope:rule:edit', 'put', `/${id}/rules`, { rules: [] }],
      ['data:scope:del', 'delete', '', { pks: [id] }],
    ] as const
    const codes = changes.map(([code]) => code)
    for (const [code, method, path, body] of changes) {
      const others = await t.signIn('data:scope:get', ...codes.filter((other) => other !== code))
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await others[method](`/sys/data-scopes${path}`, body)).status).toBe(403)
      expect((await notStaff[method](`/sys/data-scopes${path}`, body)).status).toBe(403)
      expect((await t.anonymous[method](`/sys/data-scopes${path}`, body)).status).toBe(401)
      expect((await (await t.signIn(code))[method](`/sys/data-scopes${path}`, body)).status).toBe(200)
    }
  })
})

describe('the rules of a data scope', () => {
  test('are replaced as a set; ids may be text and may repeat', async () => {
    const id = await make('Ruled')
    const [a, b, c] = [await makeRule('Ruled a'), await makeRule('Ruled b'), await makeRule('Ruled c')]
    expect((await root.put(`/sys/data-scopes/${id}/rules`, { rules: [a, b, a, String(b)] })).status).toBe(200)
    expect(await rulesOf(id)).toEqual([a, b])
    expect((await root.put(`/sys/data-scopes/${id}/rules`, { rules: [b, c] })).status).toBe(200)
    expect(await rulesOf(id)).toEqual([b, c])
    expect((await root.put(`/sys/data-scopes/${id}/rules`, { rules: [] })).status).toBe(200)
    expect(await rulesOf(id)).toEqual([])
  })

  test('stay as they are when one is missing, or the scope is', async () => {
    const id = await make('Ruled still')
    const rule = await makeRule('Ruled still')
    await root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] })
    expect((await root.put(`/sys/data-scopes/${id}/rules`, { rules: [999_999] })).status).toBe(404)
    expect(await rulesOf(id)).toEqual([rule])
    expect((await root.put('/sys/data-scopes/999999/rules', { rules: [rule] })).status).toBe(404)
    for (const body of [{}, { rules: null }, { rules: [0] }, { rules: ['x'] }])
      expect((await root.put(`/sys/data-scopes/${id}/rules`, body)).status).toBe(422)
  })

  test('are one of the sets that were asked for at once, never a mixture', async () => {
    const id = await make('Ruled at once')
    const rules: number[] = []
    for (let index = 0; index < 6; index += 1) rules.push(await makeRule(`At once ${index}`))
    const sets = [rules.slice(0, 3), rules.slice(3)]
    const asked = Array.from({ length: 10 }, (_, index) => sets[index % 2])
    const answers = await Promise.all(asked.map((set) => root.put(`/sys/data-scopes/${id}/rules`, { rules: set })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(sets).toContainEqual(await rulesOf(id))
  })

  test('never name a rule that was deleted at the same time', async () => {
    const id = await make('Ruled by the gone')
    for (let round = 0; round < 5; round += 1) {
      const rule = await makeRule(`Gone at once ${round}`)
      const [put, removal] = await Promise.all([
        root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] }),
        root.delete('/sys/data-rules', { pks: [rule] }),
      ])
      expect([200, 404]).toContain(put.status)
      expect(removal.status).toBe(200)
      expect(await rulesOf(id)).not.toContain(rule)
    }
  })

  test('decide at the next request what their holders see', async () => {
    const person = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: 1, rules: [] })
    expect((await person.get('/sys/depts')).body.data).toEqual([])
    const id = await giveScope(t.db, person.role_id, [])
    const rule = await makeRule('Opens the departments', EVERY_DEPT)
    await root.put(`/sys/data-scopes/${id}/rules`, { rules: [rule] })
    expect((await person.get('/sys/depts')).body.data).not.toEqual([])
    await root.put(`/sys/data-scopes/${id}`, { name: 'Closes the departments', status: 0 })
    expect((await person.get('/sys/depts')).body.data).toEqual([])
    await root.put(`/sys/data-scopes/${id}`, { name: 'Closes the departments', status: 1 })
    expect((await person.get('/sys/depts')).body.data).not.toEqual([])
    await root.delete('/sys/data-scopes', { pks: [id] })
    expect((await person.get('/sys/depts')).body.data).toEqual([])
  })
})

describe('one’s own data scopes', () => {
  const CODES = ['data:scope:edit', 'data:scope:rule:edit', 'data:scope:del', 'sys:dept:get']

  test('are changed only by a superuser, disabled or not', async () => {
    const person = await t.signInAs({ permissions: CODES, dept_id: 1, rules: [OWN_DEPT] })
    const disabled = await giveScope(t.db, person.role_id, [OWN_DEPT])
    await root.put(`/sys/data-scopes/${disabled}`, { name: 'Disabled of one’s own', status: 0 })
    const held = await t.db.select().from(roleDataScope).where(eq(roleDataScope.role_id, person.role_id))
    expect(held).toHaveLength(2)
    const wide = await makeRule('Wider than one’s own', EVERY_DEPT)
    const foreign = await make('Not of one’s own')
    for (const { data_scope_id: id } of held) {
      const before = await rulesOf(id)
      const refused = [
        await person.put(`/sys/data-scopes/${id}`, { name: 'Mine now', status: 1 }),
        await person.put(`/sys/data-scopes/${id}/rules`, { rules: [wide] }),
        await person.delete('/sys/data-scopes', { pks: [id] }),
        await person.delete('/sys/data-scopes', { pks: [foreign, id] }),
      ]
      expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403])
      expect(refused[0]?.body.msg).toBe('不能修改自己的权限')
      expect(await rulesOf(id)).toEqual(before)
      expect((await root.get(`/sys/data-scopes/${id}`)).body.data.name).not.toBe('Mine now')
    }
    expect((await root.get(`/sys/data-scopes/${foreign}`)).status).toBe(200)
    expect(await t.db.select().from(roleDataScope).where(eq(roleDataScope.role_id, person.role_id))).toEqual(held)
  })

  test('do not keep their holder from changing those of others', async () => {
    const person = await t.signInAs({ permissions: CODES, rules: [OWN_DEPT] })
    const foreign = await make('Of others')
    expect((await person.put(`/sys/data-scopes/${foreign}`, { name: 'Of others', status: 1 })).status).toBe(200)
    expect(
      (await person.put(`/sys/data-scopes/${foreign}/rules`, { rules: [await makeRule('Of others')] })).status,
    ).toBe(200)
    expect((await person.delete('/sys/data-scopes', { pks: [foreign] })).status).toBe(200)
  })
})
