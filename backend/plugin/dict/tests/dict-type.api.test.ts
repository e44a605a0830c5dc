import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(code: string, fields: object = {}): Promise<number> {
  const body = { name: code, code, ...fields }
  expect((await root.post('/sys/dict-types', body)).body).toMatchObject({ code: 200, data: null })
  const [row] = await t.db.select().from(dictType).where(eq(dictType.code, code))
  return row?.id ?? 0
}

async function addValue(type_id: number, label: string): Promise<void> {
  const body = { type_id, label, value: label, sort: 1, status: 1 }
  expect((await root.post('/sys/dict-datas', body)).status).toBe(200)
}

describe('reading types', () => {
  test('a page holds the newest first, filtered by part of the name and of the code', async () => {
    const first = await make('reading_one', { name: 'Reading a', remark: 'r' })
    const second = await make('reading_two', { name: 'Reading b' })
    const { status, body } = await root.get('/sys/dict-types?name=READING&page=1&size=10')
    expect(status).toBe(200)
    expect(body.data).toMatchObject({ total: 2, items: [{ id: second }, { id: first }] })
    const detail = {
      id: first,
      name: 'Reading a',
      code: 'reading_one',
      remark: 'r',
      created_time: TIME,
      updated_time: null,
    }
    expect(body.data.items[1]).toEqual(detail)
    expect((await root.get(`/sys/dict-types/${first}`)).body.data).toEqual(detail)
    expect((await root.get('/sys/dict-types?code=ng_two&name=')).body.data.items).toMatchObject([{ id: second }])
    // What is typed is no pattern.
    expect((await root.get('/sys/dict-types?code=reading%25')).body.data.total).toBe(0)
  })

  test('all of them are a bare array, oldest first', async () => {
    const { data } = (await root.get('/sys/dict-types/all')).body
    const rows = await t.db.select({ id: dictType.id }).from(dictType).orderBy(dictType.id)
    expect(data.map(({ id }: { id: number }) => id)).toEqual(rows.map(({ id }) => id))
  })

  test('one that is not there is 404, in the caller’s language', async () => {
    expect(await root.get('/sys/dict-types/999999')).toMatchObject({ status: 404, body: { msg: '字典类型不存在' } })
    const answer = await root.get('/sys/dict-types/999999', { headers: { 'accept-language': 'en-US' } })
    expect(answer.body.msg).toBe('There is no such dictionary type')
    expect((await root.get('/sys/dict-types/x')).status).toBe(422)
  })
})

test('the plugin cannot be disabled: every page reads dictionaries', async () => {
  expect((await root.put('/sys/plugins/dict/status')).status).toBe(403)
  expect((await root.get('/sys/dict-types')).status).toBe(200)
})

describe('changing types', () => {
  test('fields are needed and bounded, and more than there are is ignored', async () => {
    const { errors } = (await root.post('/sys/dict-types', {})).body.data
    expect(errors).toMatchObject(['name', 'code'].map((field) => ({ type: 'missing', loc: ['body', field] })))
    for (const bad of [
      { name: ' ' },
      { name: 'x'.repeat(33) },
      { code: '' },
      { code: 'x'.repeat(33) },
      { code: 'a/b' },
      { code: 'a b' },
      { remark: 'a\0' },
    ])
      expect((await root.post('/sys/dict-types', { name: 'Bad', code: 'bad', ...bad })).status).toBe(422)
    const id = await make('ignored_fields', { status: 1, remark: '' })
    expect((await root.get(`/sys/dict-types/${id}`)).body.data).toMatchObject({ remark: null })
  })

  test('a new code is at once that of its values, which count as unchanged', async () => {
    const id = await make('before_rename', { remark: 'gone' })
    await addValue(id, 'one')
    expect((await root.get('/sys/dict-datas/type-codes/before_rename')).body.data).toMatchObject([{ label: 'one' }])
    expect((await root.put(`/sys/dict-types/${id}`, { name: 'Renamed', code: 'after_rename' })).status).toBe(200)
    expect((await root.get(`/sys/dict-types/${id}`)).body.data).toMatchObject({
      name: 'Renamed',
      code: 'after_rename',
      remark: null,
      updated_time: TIME,
    })
    expect((await root.get('/sys/dict-datas/type-codes/before_rename')).status).toBe(404)
    expect((await root.get('/sys/dict-datas/type-codes/after_rename')).body.data).toMatchObject([
      { label: 'one', type_code: 'after_rename', updated_time: null },
    ])
    expect((await root.put('/sys/dict-types/999999', { name: 'x', code: 'nothing' })).status).toBe(404)
  })

  test('a code is taken once, whoever asks at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => root.post('/sys/dict-types', { name: 'Raced', code: 'raced' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
    const other = await make('not_raced')
    expect(await root.put(`/sys/dict-types/${other}`, { name: 'x', code: 'raced' })).toMatchObject({
      status: 409,
      body: { msg: '字典类型编码已存在' },
    })
    expect((await root.put(`/sys/dict-types/${other}`, { name: 'x', code: 'not_raced' })).status).toBe(200)
  })

  test('a deletion takes all of them or none, and none that still has values', async () => {
    const [empty, full] = [await make('to_delete'), await make('with_values')]
    await addValue(full, 'one')
    expect((await root.delete('/sys/dict-types', { pks: [empty, 999_999] })).status).toBe(404)
    expect(await root.delete('/sys/dict-types', { pks: [empty, full] })).toMatchObject({
      status: 409,
      body: { msg: '字典类型下存在字典数据，无法删除' },
    })
    expect((await root.get(`/sys/dict-types/${empty}`)).status).toBe(200)
    expect(await t.db.select().from(dictData).where(eq(dictData.type_id, full))).toHaveLength(1)
    expect((await root.delete('/sys/dict-types', { pks: [empty, empty] })).status).toBe(200)
    expect((await root.get(`/sys/dict-types/${empty}`)).status).toBe(404)
    for (const body of [{}, { pks: [] }, { pks: ['x'] }])
      expect((await root.delete('/sys/dict-types', body)).status).toBe(422)
  })

  test('a value that comes while its type is deleted is refused, or keeps the type', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await make(`deleted_meanwhile_${round}`)
      const value = { type_id: id, label: 'one', value: '1', sort: 1, status: 1 }
      const answers = await Promise.all([
        root.delete('/sys/dict-types', { pks: [id] }),
        root.post('/sys/dict-datas', value),
      ])
      expect([
        [200, 404],
        [409, 200],
      ]).toContainEqual(answers.map(({ status }) => status))
    }
    const types = await t.db.select({ id: dictType.id }).from(dictType)
    const values = await t.db.select().from(dictData)
    expect(values.filter(({ type_id }) => !types.some(({ id }) => id === type_id))).toEqual([])
  })

  test('each route needs its own code, and changes need staff', async () => {
    const id = await make('guarded')
    const reader = await t.signIn('dict:type:get')
    for (const path of ['', '/all', `/${id}`]) {
      expect((await reader.get(`/sys/dict-types${path}`)).status).toBe(200)
      expect((await t.anonymous.get(`/sys/dict-types${path}`)).status).toBe(401)
      expect((await (await t.signIn('dict:type:edit')).get(`/sys/dict-types${path}`)).status).toBe(403)
    }
    expect((await (await t.signIn('dict:data:get')).get('/sys/dict-types/all')).status).toBe(200)
    const changes = [
      ['dict:type:add', 'post', '', { name: 'x', code: 'by_its_code' }],
      ['dict:type:edit', 'put', `/${id}`, { name: 'x', code: 'guarded' }],
      ['dict:type:del', 'delete', '', { pks: [id] }],
    ] as const
    for (const [code, method, path, body] of changes) {
      const others = changes.map(([other]) => other).filter((other) => other !== code)
      expect((await t.anonymous[method](`/sys/dict-types${path}`, body)).status).toBe(401)
      expect((await (await t.signIn(...others))[method](`/sys/dict-types${path}`, body)).status).toBe(403)
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await notStaff[method](`/sys/dict-types${path}`, body)).status).toBe(403)
      expect((await (await t.signIn(code))[method](`/sys/dict-types${path}`, body)).status).toBe(200)
    }
  })
})
