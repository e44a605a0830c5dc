import { and, eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
let fruits: number
let colours: number

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  fruits = await makeType('fruits')
  colours = await makeType('colours')
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)

async function makeType(code: string): Promise<number> {
  const [row] = await t.db.insert(dictType).values({ code, name: code }).returning()
  return row?.id ?? 0
}

const value = (label: string, fields: object = {}) => ({
  type_id: fruits,
  label,
  value: label,
  sort: 1,
  status: 1,
  ...fields,
})

async function make(label: string, fields: object = {}): Promise<number> {
  const body = value(label, fields)
  expect((await root.post('/sys/dict-datas', body)).body).toMatchObject({ code: 200, data: null })
  const [row] = await t.db
    .select()
    .from(dictData)
    .where(and(eq(dictData.label, label), eq(dictData.type_id, body.type_id)))
  return row?.id ?? 0
}

const idsOf = ({ body }: { body: { data: { items: { id: number }[] } } }) => body.data.items.map(({ id }) => id)

describe('reading values', () => {
  test('of a type by its code: in their order, those not to be chosen too, as the front end reads them', async () => {
    const trees = await makeType('trees')
    const late = await make('oak', { type_id: trees, sort: 2, value: '7', color: 'green', remark: 'r' })
    const early = await make('elm', { type_id: trees, sort: 1, status: 0 })
    const same = await make('ash', { type_id: trees, sort: 2 })
    const { status, body } = await (await t.signIn()).get('/sys/dict-datas/type-codes/trees')
    expect(status).toBe(200)
    expect(body.data.map(({ id }: { id: number }) => id)).toEqual([early, late, same])
    expect(body.data[1]).toEqual({
      id: late,
      type_id: trees,
      type_code: 'trees',
      label: 'oak',
      value: '7',
      color: 'green',
      sort: 2,
      status: 1,
      remark: 'r',
      created_time: TIME,
      updated_time: null,
    })
  })

  test('of a type without values there are none; of a code that nobody has made it is 404', async () => {
    await makeType('empty_type')
    expect((await root.get('/sys/dict-datas/type-codes/empty_type')).body).toMatchObject({ code: 200, data: [] })
    expect((await root.get('/sys/dict-datas/type-codes/nothing')).status).toBe(404)
    expect((await root.get(`/sys/dict-datas/type-codes/${'x'.repeat(33)}`)).status).toBe(422)
    expect((await t.anonymous.get('/sys/dict-datas/type-codes/fruits')).status).toBe(401)
  })

  test('a page is in reading order and filtered by each field', async () => {
    const red = await make('red', { type_id: colours, sort: 2, value: 'r1' })
    const blue = await make('blue', { type_id: colours, sort: 1, value: 'b1', status: 0 })
    const list = (query: string) => root.get(`/sys/dict-datas?${query}`)
    expect((await list(`type_id=${colours}`)).body.data).toMatchObject({ total: 2, items: [{ id: blue }, { id: red }] })
    expect(idsOf(await list(`type_id=${colours}&label=&size=1&page=2`))).toEqual([red])
    expect(idsOf(await list('type_code=colours&label=RE'))).toEqual([red])
    expect(idsOf(await list('type_code=colours&value=b'))).toEqual([blue])
    expect(idsOf(await list('type_code=colours&status=0'))).toEqual([blue])
    expect(idsOf(await list('type_code=colour'))).toEqual([])
    expect((await list('status=2')).status).toBe(422)
    expect((await list('type_id=x')).status).toBe(422)
  })

  test('all of them are a bare array; one that is not there is 404', async () => {
    const id = await make('fig')
    const { data } = (await root.get('/sys/dict-datas/all')).body
    expect(data).toHaveLength((await t.db.select().from(dictData)).length)
    expect(data.map((row: { id: number }) => row.id)).toContain(id)
    expect((await root.get(`/sys/dict-datas/${id}`)).body.data).toMatchObject({ id, label: 'fig' })
    expect((await root.get('/sys/dict-datas/999999')).body.msg).toBe('字典数据不存在')
  })
})

describe('changing values', () => {
  test('fields are needed and bounded', async () => {
    const { errors } = (await root.post('/sys/dict-datas', {})).body.data
    const fields = ['type_id', 'label', 'value', 'sort', 'status']
    expect(errors).toMatchObject(fields.map((field) => ({ type: 'missing', loc: ['body', field] })))
    for (const bad of [
      { label: ' ' },
      { label: 'x'.repeat(33) },
      { value: 'x'.repeat(33) },
      { value: 1 },
      { color: 'x'.repeat(33) },
      { sort: 3_000_000_000 },
      { sort: 1.5 },
      { status: 2 },
      { type_id: 0 },
    ])
      expect((await root.post('/sys/dict-datas', value('bad', bad))).status).toBe(422)
    expect((await root.post('/sys/dict-datas', value('bad', { type_id: 999_999 }))).body.msg).toBe('字典类型不存在')
  })

  test('an update replaces every field, the type too, and its code with it', async () => {
    const id = await make('pear', { color: 'green', remark: 'r' })
    const moved = { type_id: colours, label: 'grass', value: 'g', sort: 9, status: 0, color: '' }
    expect((await root.put(`/sys/dict-datas/${id}`, moved)).body).toMatchObject({ code: 200, data: null })
    expect((await root.get(`/sys/dict-datas/${id}`)).body.data).toMatchObject({
      ...moved,
      type_code: 'colours',
      color: null,
      remark: null,
      updated_time: TIME,
    })
    expect((await root.put('/sys/dict-datas/999999', value('nothing'))).body.msg).toBe('字典数据不存在')
    expect((await root.put(`/sys/dict-datas/${id}`, { ...moved, type_id: 999_999 })).body.msg).toBe('字典类型不存在')
  })

  test('a label is taken once within its type, whoever asks at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => root.post('/sys/dict-datas', value('raced'))))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
    const other = await make('raced', { type_id: colours })
    expect((await root.put(`/sys/dict-datas/${other}`, value('raced'))).body.msg).toBe('字典标签已存在')
    expect((await root.put(`/sys/dict-datas/${other}`, value('raced', { type_id: colours }))).status).toBe(200)
  })

  test('a deletion takes all of them or none, whoever else deletes some of them', async () => {
    const [a, b, c] = [await make('lime'), await make('plum'), await make('date')]
    expect((await root.delete('/sys/dict-datas', { pks: [a, 999_999] })).status).toBe(404)
    expect((await root.get(`/sys/dict-datas/${a}`)).status).toBe(200)
    const answers = await Promise.all([
      root.delete('/sys/dict-datas', { pks: [a, b] }),
      root.delete('/sys/dict-datas', { pks: [b, a] }),
      root.delete('/sys/dict-datas', { pks: [b, c] }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404])
    for (const body of [{}, { pks: [] }, { pks: ['x'] }])
      expect((await root.delete('/sys/dict-datas', body)).status).toBe(422)
  })

  test('each route needs its own code, and changes need staff', async () => {
    const id = await make('guarded')
    const reader = await t.signIn('dict:data:get')
    for (const path of ['', '/all', `/${id}`]) {
      expect((await reader.get(`/sys/dict-datas${path}`)).status).toBe(200)
      expect((await t.anonymous.get(`/sys/dict-datas${path}`)).status).toBe(401)
      expect((await (await t.signIn('dict:type:get')).get(`/sys/dict-datas${path}`)).status).toBe(403)
    }
    const changes = [
      ['dict:data:add', 'post', '', value('by_its_code')],
      ['dict:data:edit', 'put', `/${id}`, value('guarded')],
      ['dict:data:del', 'delete', '', { pks: [id] }],
    ] as const
    for (const [code, method, path, body] of changes) {
      const others = changes.map(([other]) => other).filter((other) => other !== code)
      expect((await t.anonymous[method](`/sys/dict-datas${path}`, body)).status).toBe(401)
      expect((await (await t.signIn(...others))[method](`/sys/dict-datas${path}`, body)).status).toBe(403)
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await notStaff[method](`/sys/dict-datas${path}`, body)).status).toBe(403)
      expect((await (await t.signIn(code))[method](`/sys/dict-datas${path}`, body)).status).toBe(200)
    }
  })
})
