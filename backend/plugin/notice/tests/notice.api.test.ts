import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ActorRule } from '#backend/core/actor'
import { notice } from '#backend/plugin/notice/model/notice.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const body = (title: string, fields: object = {}) => ({ title, type: 0, status: 1, content: '# Hello', ...fields })

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(title: string, fields: object = {}): Promise<number> {
  expect((await root.post('/sys/notices', body(title, fields))).body).toMatchObject({ code: 200, data: null })
  const [row] = await t.db.select().from(notice).where(eq(notice.title, title))
  return row?.id ?? 0
}

describe('reading notices', () => {
  test('a page holds the newest first, filtered by part of the title, type and status', async () => {
    const first = await make('Reading one', { content: '# One' })
    const second = await make('Reading two', { type: 1, status: 0 })
    const { status, body } = await root.get('/sys/notices?title=READING')
    expect(status).toBe(200)
    expect(body.data).toMatchObject({ total: 2, items: [{ id: second }, { id: first }] })
    const detail = {
      id: first,
      title: 'Reading one',
      type: 0,
      status: 1,
      content: '# One',
      created_time: TIME,
      updated_time: null,
    }
    expect(body.data.items[1]).toEqual(detail)
    expect((await root.get(`/sys/notices/${first}`)).body.data).toEqual(detail)
    expect((await root.get('/sys/notices?title=Reading&type=1')).body.data.items).toMatchObject([{ id: second }])
    expect((await root.get('/sys/notices?title=Reading&status=1&type=')).body.data.items).toMatchObject([{ id: first }])
    for (const query of ['type=2', 'status=2', 'size=0'])
      expect((await root.get(`/sys/notices?${query}`)).status).toBe(422)
  })

  test('one that is not there is 404, in the caller’s language', async () => {
    expect(await root.get('/sys/notices/999999')).toMatchObject({ status: 404, body: { msg: '通知公告不存在' } })
    const answer = await root.get('/sys/notices/999999', { headers: { 'accept-language': 'en-US' } })
    expect(answer.body.msg).toBe('There is no such notice')
  })
})

describe('changing notices', () => {
  test('fields are needed and bounded', async () => {
    const { errors } = (await root.post('/sys/notices', {})).body.data
    const fields = ['title', 'type', 'status', 'content']
    expect(errors).toMatchObject(fields.map((field) => ({ type: 'missing', loc: ['body', field] })))
    for (const bad of [
      { title: ' ' },
      { title: 'x'.repeat(65) },
      { type: 2 },
      { status: -1 },
      { content: '' },
      { content: 'a\0' },
      { content: 'x'.repeat(500_001) },
    ])
      expect((await root.post('/sys/notices', body('Bad', bad))).status).toBe(422)
    expect(await make('As long as it may be', { content: 'x'.repeat(500_000) })).toBeGreaterThan(0)
  })

  test('an update replaces every field', async () => {
    const id = await make('Before')
    const after = { title: 'After', type: 1, status: 0, content: 'text' }
    expect((await root.put(`/sys/notices/${id}`, after)).body).toMatchObject({ code: 200, data: null })
    expect((await root.get(`/sys/notices/${id}`)).body.data).toMatchObject({ ...after, updated_time: TIME })
    expect((await root.put('/sys/notices/999999', after)).status).toBe(404)
    expect((await root.put(`/sys/notices/${id}`, { title: 'After' })).status).toBe(422)
  })

  test('a deletion takes all of them or none, whoever else deletes some of them', async () => {
    const [a, b, c] = [await make('Delete a'), await make('Delete b'), await make('Delete c')]
    expect((await root.delete('/sys/notices', { pks: [a, 999_999] })).status).toBe(404)
    expect((await root.get(`/sys/notices/${a}`)).status).toBe(200)
    const answers = await Promise.all([
      root.delete('/sys/notices', { pks: [a, b] }),
      root.delete('/sys/notices', { pks: [b, a] }),
      root.delete('/sys/notices', { pks: [b, c] }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404])
    for (const wrong of [{}, { pks: [] }, { pks: ['x'] }])
      expect((await root.delete('/sys/notices', wrong)).status).toBe(422)
  })

  test('each route needs its own code, and changes need staff', async () => {
    const id = await make('Guarded')
    for (const path of ['', `/${id}`]) {
      expect((await (await t.signIn('sys:notice:get')).get(`/sys/notices${path}`)).status).toBe(200)
      expect((await (await t.signIn('sys:notice:edit')).get(`/sys/notices${path}`)).status).toBe(403)
      expect((await t.anonymous.get(`/sys/notices${path}`)).status).toBe(401)
    }
    const changes = [
      ['sys:notice:add', 'post', '', body('By its code')],
      ['sys:notice:edit', 'put', `/${id}`, body('Guarded')],
      ['sys:notice:del', 'delete', '', { pks: [id] }],
    ] as const
    for (const [code, method, path, change] of changes) {
      const others = changes.map(([other]) => other).filter((other) => other !== code)
      expect((await t.anonymous[method](`/sys/notices${path}`, change)).status).toBe(401)
      expect((await (await t.signIn(...others))[method](`/sys/notices${path}`, change)).status).toBe(403)
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await notStaff[method](`/sys/notices${path}`, change)).status).toBe(403)
      expect((await (await t.signIn(code))[method](`/sys/notices${path}`, change)).status).toBe(200)
    }
  })
})

describe('row permissions of notices', () => {
  const permissions = ['sys:notice:get', 'sys:notice:add', 'sys:notice:edit', 'sys:notice:del']
  const announcements: ActorRule = {
    model: 'Notice',
    column: 'type',
    operator: 0,
    expression: 0,
    value: '1',
  }

  test('whoever is filtered sees, changes and deletes what a rule shows, and the rest is not there', async () => {
    const [shown, hidden] = [await make('Scoped shown', { type: 1 }), await make('Scoped hidden')]
    const person = await t.signInAs({ permissions, rules: [announcements] })
    const { data } = (await person.get('/sys/notices?title=Scoped')).body
    expect(data).toMatchObject({ total: 1, items: [{ id: shown }] })
    expect((await person.get(`/sys/notices/${hidden}`)).status).toBe(404)
    expect((await person.put(`/sys/notices/${hidden}`, body('Taken over', { type: 1 }))).status).toBe(404)
    expect((await person.delete('/sys/notices', { pks: [shown, hidden] })).status).toBe(404)
    const left = await t.db
      .select()
      .from(notice)
      .where(inArray(notice.id, [shown, hidden]))
    expect(left.map(({ title }) => title).sort()).toEqual(['Scoped hidden', 'Scoped shown'])
    expect((await person.delete('/sys/notices', { pks: [shown] })).status).toBe(200)
  })

  test('nobody writes one that they would not see', async () => {
    const person = await t.signInAs({ permissions, rules: [announcements] })
    expect((await person.post('/sys/notices', body('Unseen'))).status).toBe(403)
    expect((await root.get('/sys/notices?title=Unseen')).body.data.total).toBe(0)
    expect((await person.post('/sys/notices', body('Seen', { type: 1 }))).status).toBe(200)
    const id = (await root.get('/sys/notices?title=Seen')).body.data.items[0].id
    expect((await person.put(`/sys/notices/${id}`, body('Hidden'))).status).toBe(403)
    expect((await root.get(`/sys/notices/${id}`)).body.data).toMatchObject({ title: 'Seen', type: 1 })
  })

  test('a rule can be made for the model and its columns', async () => {
    expect((await root.get('/sys/data-rules/models')).body.data).toContain('Notice')
    const { data } = (await root.get('/sys/data-rules/models/Notice/columns')).body
    expect(data.map(({ key }: { key: string }) => key)).toEqual([
      'id',
      'title',
      'type',
      'status',
      'created_time',
      'updated_time',
    ])
    const rule = { ...announcements, name: 'Announcements' }
    expect((await root.post('/sys/data-rules', rule)).status).toBe(200)
  })
})
