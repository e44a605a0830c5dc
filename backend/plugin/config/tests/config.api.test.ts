import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { config } from '#backend/plugin/config/model/config.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const body = (key: string, fields: object = {}) => ({ name: 'Name', key, value: 'v', is_frontend: false, ...fields })

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(key: string, fields: object = {}): Promise<number> {
  expect((await root.post('/sys/configs', body(key, fields))).body).toMatchObject({ code: 200, data: null })
  const [row] = await t.db.select().from(config).where(eq(config.key, key))
  return row?.id ?? 0
}

describe('reading settings', () => {
  test('a page holds the newest first, filtered by part of the name and by group', async () => {
    const first = await make('reading.one', { name: 'Reading one', type: 'READ', remark: 'r', is_frontend: true })
    const second = await make('reading.two', { name: 'Reading two', type: 'OTHER' })
    const { status, body } = await root.get('/sys/configs?name=READING')
    expect(status).toBe(200)
    expect(body.data).toMatchObject({ total: 2, items: [{ id: second }, { id: first }] })
    const detail = {
      id: first,
      name: 'Reading one',
      type: 'READ',
      key: 'reading.one',
      value: 'v',
      is_frontend: true,
      remark: 'r',
      created_time: TIME,
      updated_time: null,
    }
    expect(body.data.items[1]).toEqual(detail)
    expect((await root.get(`/sys/configs/${first}`)).body.data).toEqual(detail)
    expect((await root.get('/sys/configs?type=READ&name=')).body.data).toMatchObject({ items: [{ id: first }] })
    expect((await root.get('/sys/configs/all?type=READ')).body.data).toEqual([detail])
    expect((await root.get('/sys/configs/all?type=READ%25')).body.data).toEqual([])
    expect((await root.get('/sys/configs/all')).body.data.length).toBeGreaterThan(15)
    expect((await root.get('/sys/configs?size=0')).status).toBe(422)
  })

  test('one that is not there is 404, in the caller’s language', async () => {
    expect(await root.get('/sys/configs/999999')).toMatchObject({ status: 404, body: { msg: '参数配置不存在' } })
    const answer = await root.get('/sys/configs/999999', { headers: { 'accept-language': 'en-US' } })
    expect(answer.body.msg).toBe('There is no such setting')
  })
})

describe('changing settings', () => {
  test('fields are needed and bounded', async () => {
    const { errors } = (await root.post('/sys/configs', {})).body.data
    const fields = ['name', 'key', 'value', 'is_frontend']
    expect(errors).toMatchObject(fields.map((field) => ({ type: 'missing', loc: ['body', field] })))
    for (const bad of [
      { name: '' },
      { name: 'x'.repeat(33) },
      { key: 'x'.repeat(65) },
      { key: 'a key' },
      { type: 'x'.repeat(33) },
      { value: null },
      { value: ['v'] },
      { value: 'a\0' },
      { is_frontend: 'yes' },
    ])
      expect((await root.post('/sys/configs', body('bad', bad))).status).toBe(422)
  })

  test('an update replaces every field; a number becomes text', async () => {
    const id = await make('before', { type: 'T', remark: 'r' })
    const after = { name: 'After', key: 'after', value: 465, is_frontend: true }
    expect((await root.put(`/sys/configs/${id}`, after)).body).toMatchObject({ code: 200, data: null })
    expect((await root.get(`/sys/configs/${id}`)).body.data).toMatchObject({
      ...after,
      value: '465',
      type: null,
      remark: null,
      updated_time: TIME,
    })
    expect((await root.put('/sys/configs/999999', after)).status).toBe(404)
  })

  test('a key is taken once, whoever asks at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => root.post('/sys/configs', body('raced'))))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
    const other = await make('not.raced')
    expect((await root.put(`/sys/configs/${other}`, body('raced'))).body.msg).toBe('参数键名 raced 已存在')
    expect((await root.put('/sys/configs', [{ id: other, ...body('raced') }])).status).toBe(409)
    expect((await root.put(`/sys/configs/${other}`, body('not.raced'))).status).toBe(200)
  })

  test('a deletion takes a bare list of ids, all of them or none', async () => {
    const [a, b] = [await make('delete.a'), await make('delete.b')]
    expect((await root.delete('/sys/configs', [a, 999_999])).status).toBe(404)
    expect((await root.get(`/sys/configs/${a}`)).status).toBe(200)
    for (const wrong of [{}, { pks: [a] }, [], ['x']])
      expect((await root.delete('/sys/configs', wrong)).status).toBe(422)
    expect((await root.delete('/sys/configs', [a, b, a])).status).toBe(200)
    expect((await root.get(`/sys/configs/${a}`)).status).toBe(404)
  })

  test('each route needs its own code, and changes need staff', async () => {
    const id = await make('guarded')
    for (const path of ['', '/all', `/${id}`]) {
      expect((await (await t.signIn('sys:config:get')).get(`/sys/configs${path}`)).status).toBe(200)
      expect((await (await t.signIn('sys:config:edit')).get(`/sys/configs${path}`)).status).toBe(403)
      expect((await t.anonymous.get(`/sys/configs${path}`)).status).toBe(401)
    }
    const changes = [
      ['sys:config:add', 'post', '', body('by.its.code')],
      ['sys:config:edit', 'put', `/${id}`, body('guarded')],
      ['sys:config:edit', 'put', '', [{ id, ...body('guarded') }]],
      ['sys:config:del', 'delete', '', [id]],
    ] as const
    for (const [code, method, path, change] of changes) {
      const others = changes.map(([other]) => other).filter((other) => other !== code)
      expect((await t.anonymous[method](`/sys/configs${path}`, change)).status).toBe(401)
      expect((await (await t.signIn(...others))[method](`/sys/configs${path}`, change)).status).toBe(403)
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await notStaff[method](`/sys/configs${path}`, change)).status).toBe(403)
      expect((await (await t.signIn(code))[method](`/sys/configs${path}`, change)).status).toBe(200)
    }
  })
})

describe('several at once, as the page of the front end sends them', () => {
  const rowsOf = async (type: string) => (await root.get(`/sys/configs/all?type=${type}`)).body.data
  const edit = (rows: { key: string }[], values: Record<string, unknown>) =>
    rows.map((row) => (row.key in values ? { ...row, value: values[row.key] } : row))

  test('rows come back as they were received, and only those that were edited count as changed', async () => {
    const rows = await rowsOf('USER_SECURITY')
    expect(rows.length).toBe(9)
    expect((await root.put('/sys/configs', rows)).status).toBe(200)
    expect(await rowsOf('USER_SECURITY')).toEqual(rows)
    expect((await root.put('/sys/configs', edit(rows, { USER_LOCK_SECONDS: 60 }))).status).toBe(200)
    const after = await rowsOf('USER_SECURITY')
    const changed = after.filter(({ updated_time }: { updated_time: string | null }) => updated_time !== null)
    expect(changed).toMatchObject([{ key: 'USER_LOCK_SECONDS', value: '60', updated_time: TIME }])
  })

  test.each([
    ['USER_SECURITY', 'USER_LOCK_THRESHOLD', 'many'],
    ['USER_SECURITY', 'USER_LOCK_THRESHOLD', '-1'],
    ['USER_SECURITY', 'USER_LOCK_SECONDS', ''],
    ['USER_SECURITY', 'USER_PASSWORD_MIN_LENGTH', '33'],
    ['USER_SECURITY', 'USER_PASSWORD_MAX_LENGTH', '73'],
    ['USER_SECURITY', 'USER_PASSWORD_REQUIRE_SPECIAL_CHAR', 'maybe'],
    ['USER_SECURITY', 'USER_SECURITY_CONFIG_STATUS', '2'],
    ['LOGIN', 'LOGIN_CAPTCHA_ENABLED', 'x'],
    ['LOGIN', 'LOGIN_CONFIG_STATUS', ''],
    ['EMAIL', 'EMAIL_STATUS', 'on'],
    ['EMAIL', 'EMAIL_PORT', 65_536],
    ['EMAIL', 'EMAIL_PORT', ''],
    ['EMAIL', 'EMAIL_SSL', 'maybe'],
    ['EMAIL', 'EMAIL_PROTOCOL', 'imap'],
    ['EMAIL', 'EMAIL_HOST', 'two words'],
  ])('%s: %s cannot be "%s"; the refusal names it, and nothing is changed', async (type, key, wrong) => {
    const rows: { key: string; id: number; name: string; is_frontend: boolean }[] = await rowsOf(type)
    const at = rows.findIndex((row) => row.key === key)
    const answer = await root.put('/sys/configs', edit(rows, { [key]: wrong, EMAIL_USERNAME: 'changed@example.com' }))
    expect(answer.status).toBe(422)
    const { errors } = answer.body.data
    expect(errors).toContainEqual(
      expect.objectContaining({ loc: ['body', at, 'value'], msg: expect.stringContaining(key), input: null }),
    )
    expect(await rowsOf(type)).toEqual(rows)
    const row = rows[at]
    const single = await root.put(`/sys/configs/${row?.id}`, { ...row, value: wrong })
    expect(single.body.data.errors).toMatchObject([{ loc: ['body', 'value'], msg: expect.stringContaining(key) }])
    expect(await rowsOf(type)).toEqual(rows)
  })

  test('one that is missing, there twice or not as it should be refuses all', async () => {
    const rows = await rowsOf('LOGIN')
    const changed = edit(rows, { LOGIN_CAPTCHA_ENABLED: 'true' })
    expect((await root.put('/sys/configs', [...changed, { id: 999_999, ...body('nothing') }])).status).toBe(404)
    const twice = await root.put('/sys/configs', [...changed, changed[0]])
    expect(twice.body.data.errors).toMatchObject([{ loc: ['body', changed.length, 'id'] }])
    for (const wrong of [[], {}, [{ id: rows[0].id }], [...changed, null]])
      expect((await root.put('/sys/configs', wrong)).status).toBe(422)
    expect(await rowsOf('LOGIN')).toEqual(rows)
  })

  test('a wrong value is refused when a row is made, too', async () => {
    const [row] = await t.db.select().from(config).where(eq(config.key, 'USER_LOCK_THRESHOLD'))
    expect((await root.delete('/sys/configs', [row?.id])).status).toBe(200)
    const again = body('USER_LOCK_THRESHOLD', { type: 'USER_SECURITY' })
    expect((await root.post('/sys/configs', { ...again, value: '-1' })).status).toBe(422)
    expect(await t.db.select().from(config).where(eq(config.key, 'USER_LOCK_THRESHOLD'))).toEqual([])
    expect((await root.post('/sys/configs', { ...again, value: '5' })).status).toBe(200)
  })
})
