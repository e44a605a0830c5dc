import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { user } from '#backend/app/admin/model/user.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(name: string, fields: object = {}): Promise<number> {
  const answer = await root.post('/sys/depts', { name, status: 1, ...fields })
  expect(answer.status).toBe(200)
  const [row] = await t.db.select().from(dept).where(eq(dept.name, name))
  return row?.id ?? 0
}

describe('reading departments', () => {
  test('the tree nests by parent and says null for a leaf', async () => {
    const above = await make('Tree above')
    const below = await make('Tree below', { parent_id: above, sort: 3, leader: 'Lin', phone: '13800138000' })
    const { body, status } = await root.get('/sys/depts?name=Tree')
    expect(status).toBe(200)
    expect(body).toMatchObject({ code: 200, msg: '请求成功' })
    expect(body.data).toEqual([
      {
        id: above,
        name: 'Tree above',
        parent_id: null,
        sort: 0,
        leader: null,
        phone: null,
        email: null,
        status: 1,
        del_flag: false,
        created_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        updated_time: null,
        children: [
          expect.objectContaining({ id: below, parent_id: above, sort: 3, phone: '13800138000', children: null }),
        ],
      },
    ])
  })

  test('a filter keeps a row whose parent it drops, and an empty one filters nothing', async () => {
    const above = await make('Filter above')
    const below = await make('Filter below', { parent_id: above })
    expect((await root.get('/sys/depts?name=Filter%20below')).body.data).toMatchObject([{ id: below, children: null }])
    const all = await root.get('/sys/depts?name=&leader=&phone=&status=')
    expect(JSON.stringify(all.body.data)).toContain('Filter above')
  })

  test('percent and underscore in a filter are ordinary characters', async () => {
    await make('Literal 100%')
    expect((await root.get('/sys/depts?name=%25')).body.data).toMatchObject([{ name: 'Literal 100%' }])
    expect((await root.get('/sys/depts?name=_')).body.data).toEqual([])
  })

  test('whoever is filtered sees only the rows of their rules, in the tree and by id', async () => {
    const own = await make('Scoped own')
    const other = await make('Scoped other')
    const rule = { model: 'Dept', column: '__dept_id__', operator: 0, expression: 0, value: '${dept_id}' }
    const person = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: own, rules: [rule] })
    expect((await person.get('/sys/depts')).body.data).toMatchObject([{ id: own }])
    expect((await person.get(`/sys/depts/${own}`)).status).toBe(200)
    expect((await person.get(`/sys/depts/${other}`)).status).toBe(404)
  })

  test('the tree opens with the code of any page that chooses a department, a single one only with its own', async () => {
    const userPage = await t.signIn('sys:user:get')
    expect((await userPage.get('/sys/depts')).status).toBe(200)
    expect((await userPage.get('/sys/depts/1')).status).toBe(403)
    expect((await (await t.signIn()).get('/sys/depts')).status).toBe(403)
    expect((await t.anonymous.get('/sys/depts')).status).toBe(401)
  })
})

describe('changing departments', () => {
  test('an update replaces every field but a sort that is not given', async () => {
    const id = await make('Replace me', { sort: 7, leader: 'Lin', email: 'rd@example.com' })
    expect((await root.put(`/sys/depts/${id}`, { name: 'Replaced', status: 1, leader: '' })).status).toBe(200)
    expect((await root.get(`/sys/depts/${id}`)).body.data).toMatchObject({
      name: 'Replaced',
      sort: 7,
      leader: null,
      email: null,
      updated_time: expect.any(String),
    })
  })

  test('a name is taken only while its department is not deleted', async () => {
    const id = await make('Once')
    expect((await root.post('/sys/depts', { name: 'Once', status: 1 })).body).toMatchObject({
      code: 409,
      data: null,
      trace_id: expect.any(String),
    })
    expect((await root.delete(`/sys/depts/${id}`)).status).toBe(200)
    expect((await root.get(`/sys/depts/${id}`)).status).toBe(404)
    await make('Once')
  })

  test('twenty creations of one name at once make one department', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => root.post('/sys/depts', { name: 'Raced', status: 1 })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
  })

  test('a department cannot be moved below itself or below what is below it', async () => {
    const a = await make('Cycle a')
    const b = await make('Cycle b', { parent_id: a })
    expect((await root.put(`/sys/depts/${a}`, { name: 'Cycle a', status: 1, parent_id: a })).status).toBe(403)
    expect((await root.put(`/sys/depts/${a}`, { name: 'Cycle a', status: 1, parent_id: b })).status).toBe(403)
  })

  test('two opposite moves at once cannot close a cycle', async () => {
    const a = await make('Opposite a')
    const b = await make('Opposite b')
    const answers = await Promise.all([
      root.put(`/sys/depts/${a}`, { name: 'Opposite a', status: 1, parent_id: b }),
      root.put(`/sys/depts/${b}`, { name: 'Opposite b', status: 1, parent_id: a }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403])
  })

  test('one with children or users is not deleted', async () => {
    const above = await make('Holds a child')
    await make('Is the child', { parent_id: above })
    expect((await root.delete(`/sys/depts/${above}`)).status).toBe(409)
    const staffed = await make('Holds a user')
    await t.db
      .update(user)
      .set({ dept_id: staffed })
      .where(eq(user.id, (await t.signIn()).user_id))
    expect((await root.delete(`/sys/depts/${staffed}`)).status).toBe(409)
  })

  test('a missing parent or row is 404', async () => {
    expect((await root.post('/sys/depts', { name: 'No parent', status: 1, parent_id: 999_999 })).status).toBe(404)
    expect((await root.put('/sys/depts/999999', { name: 'Nothing', status: 1 })).status).toBe(404)
    expect((await root.delete('/sys/depts/999999')).status).toBe(404)
  })

  test('what is wrong is named in the terms of the contract', async () => {
    const { status, body } = await root.post('/sys/depts', { name: 'Bad', status: 1, phone: '12' })
    expect(status).toBe(422)
    expect(body.data.errors).toEqual([
      {
        type: 'string_pattern_mismatch',
        loc: ['body', 'phone'],
        msg: expect.any(String),
        input: '12',
        ctx: { pattern: '^1[3-9]\\d{9}$' },
      },
    ])
    expect((await root.post('/sys/depts', {})).body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'name'], input: {} },
      { type: 'missing', loc: ['body', 'status'], input: {} },
    ])
    for (const bad of [
      { name: '' },
      { name: ' ' },
      { name: 'a\0b' },
      { name: 'x'.repeat(65) },
      { sort: -1 },
      { status: 2 },
    ])
      expect((await root.post('/sys/depts', { name: 'Bad', status: 1, ...bad })).status).toBe(422)
  })

  test('disabling a department ends the sessions of everybody in it; enabling it again gives none of them back', async () => {
    const id = await make('To be disabled')
    const below = await make('Below it', { parent_id: id })
    const person = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: id })
    const other = await t.signInUser(person.user_id)
    const colleague = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: id })
    const outsider = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: below })
    const members = [person, other, colleague]
    for (const one of members) expect((await one.get('/sys/depts')).status).toBe(200)
    const announced: string[] = []
    const stop = t.host.shared.events.on('session.ended', (ended) => announced.push(...ended.session_uuids))
    expect((await root.put(`/sys/depts/${id}`, { name: 'To be disabled', status: 0 })).status).toBe(200)
    await expect.poll(() => announced.sort()).toEqual(members.map(({ session_uuid }) => session_uuid).sort())
    stop()
    for (const one of members) expect((await one.get('/sys/depts')).status).toBe(401)
    expect((await root.put(`/sys/depts/${id}`, { name: 'To be disabled', status: 1 })).status).toBe(200)
    for (const one of members) expect((await one.get('/sys/depts')).status).toBe(401)
    expect((await (await t.signInUser(person.user_id)).get('/sys/depts')).status).toBe(200)
    expect((await outsider.get('/sys/depts')).status).toBe(200)
  })

  test('a change that leaves a department enabled ends no session', async () => {
    const id = await make('Renamed')
    const person = await t.signInAs({ permissions: ['sys:dept:get'], dept_id: id })
    expect((await root.put(`/sys/depts/${id}`, { name: 'Renamed again', status: 1 })).status).toBe(200)
    expect((await person.get('/sys/depts')).status).toBe(200)
  })

  test('each change needs its own code, and staff', async () => {
    const id = await make('Guarded')
    const reader = await t.signIn('sys:dept:get')
    expect((await reader.post('/sys/depts', { name: 'x', status: 1 })).status).toBe(403)
    expect((await reader.put(`/sys/depts/${id}`, { name: 'x', status: 1 })).status).toBe(403)
    expect((await reader.delete(`/sys/depts/${id}`)).status).toBe(403)
    const notStaff = await t.signInAs({ permissions: ['sys:dept:get', 'sys:dept:del'], is_staff: false })
    expect((await notStaff.get('/sys/depts')).status).toBe(200)
    expect((await notStaff.delete(`/sys/depts/${id}`)).status).toBe(403)
    expect((await t.anonymous.delete(`/sys/depts/${id}`)).status).toBe(401)
    const deleter = await t.signIn('sys:dept:del')
    expect((await deleter.delete(`/sys/depts/${id}`)).status).toBe(200)
  })
})
