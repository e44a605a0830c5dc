import { randomBytes } from 'node:crypto'
import { desc } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { logTombstone } from '#backend/app/admin/model/log-tombstone.model'
import { loginLog, type NewLoginLog } from '#backend/app/admin/model/login-log.model'
import * as loginLogService from '#backend/app/admin/service/login-log.service'
import { systemCtx } from '#backend/core/host'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())
beforeEach(async () => {
  await t.db.delete(loginLog)
  await t.db.delete(logTombstone)
})

const WIRE_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

async function attempt(fields: Partial<NewLoginLog> = {}): Promise<number> {
  const [row] = await t.db
    .insert(loginLog)
    .values({
      user_uuid: '',
      username: `attempt_${randomBytes(4).toString('hex')}`,
      status: 1,
      ip: '192.0.2.1',
      msg: 'x',
      login_time: '2024-05-01 12:30:00',
      ...fields,
    })
    .returning({ id: loginLog.id })
  return row?.id ?? 0
}

async function ids(person: SignedIn, query = ''): Promise<number[]> {
  const { status, body } = await person.get(`/logs/login${query}`)
  expect(status).toBe(200)
  return body.data.items.map(({ id }: { id: number }) => id)
}

const kept = async () => (await t.db.select().from(loginLog).orderBy(loginLog.id)).map(({ id }) => id)
const tombstones = () => t.db.select().from(logTombstone).orderBy(desc(logTombstone.id))

const ipRule = (ip: string) => ({ model: 'LoginLog', column: 'ip', operator: 0, expression: 0, value: ip })

describe('reading the login log', () => {
  test('a page of exactly the fields of the wire', async () => {
    const place = { country: '中国', region: '广东', city: '深圳' }
    const device = { user_agent: 'Mozilla/5.0', os: 'Windows 10', browser: 'Firefox 140', device: 'PC' }
    const id = await attempt({ user_uuid: 'abc', username: 'lin', status: 0, msg: '密码错误', ...place, ...device })
    const { status, body } = await root.get('/logs/login?username=li&size=10')
    expect(status).toBe(200)
    expect(body).toEqual({
      code: 200,
      msg: '请求成功',
      data: {
        items: [
          {
            id,
            user_uuid: 'abc',
            username: 'lin',
            status: 0,
            ip: '192.0.2.1',
            ...place,
            ...device,
            msg: '密码错误',
            login_time: '2024-05-01 12:30:00',
            created_time: expect.stringMatching(WIRE_TIME),
          },
        ],
        total: 1,
        page: 1,
        size: 10,
        total_pages: 1,
        links: {
          first: '/api/v1/logs/login?username=li&page=1&size=10',
          last: '/api/v1/logs/login?username=li&page=1&size=10',
          self: '/api/v1/logs/login?username=li&size=10',
          next: null,
          prev: null,
        },
      },
    })
  })

  test('the newest first, and of one moment the last written first', async () => {
    const middle = await attempt({ login_time: '2024-05-02 00:00:00' })
    const oldest = await attempt({ login_time: '2024-05-01 00:00:00' })
    const newest = await attempt({ login_time: '2024-05-03 00:00:00' })
    const same = await attempt({ login_time: '2024-05-02 00:00:00' })
    expect(await ids(root)).toEqual([newest, same, middle, oldest])
    expect(await ids(root, '?page=2&size=3')).toEqual([oldest])
  })

  test('filters by part of the name, by outcome and by the start of the address; an empty one filters nothing', async () => {
    const failed = await attempt({ username: 'filter_100%_lin', status: 0, ip: '192.0.2.7' })
    const succeeded = await attempt({ username: 'filter_wang', status: 1, ip: '198.51.100.7' })
    expect(await ids(root, '?username=TER_100%25')).toEqual([failed])
    expect(await ids(root, '?username=filter&status=1')).toEqual([succeeded])
    expect(await ids(root, '?status=0')).toEqual([failed])
    expect(await ids(root, '?ip=192.0')).toEqual([failed])
    expect(await ids(root, '?ip=0.2.7')).toEqual([])
    expect(await ids(root, '?username=&status=&ip=')).toEqual([succeeded, failed])
    for (const query of ['status=2', 'status=x', 'page=0', 'size=201', `ip=${'1'.repeat(65)}`, 'username=a%00b'])
      expect((await root.get(`/logs/login?${query}`)).status, query).toBe(422)
  })

  test('whoever is filtered reads the rows of their rules, and none without a rule for this log', async () => {
    const own = await attempt({ ip: '203.0.113.1' })
    await attempt({ ip: '203.0.113.2' })
    const permissions = ['log:login:get']
    expect(await ids(await t.signInAs({ permissions, rules: [ipRule('203.0.113.1')] }))).toEqual([own])
    expect(await ids(await t.signInAs({ permissions, rules: [{ ...ipRule('203.0.113.1'), model: 'User' }] }))).toEqual(
      [],
    )
    expect(await ids(await t.signInAs({ permissions }))).toHaveLength(2)
  })

  test('rules may be made for it, by columns that are described', async () => {
    expect((await root.get('/sys/data-rules/models')).body.data).toContain('LoginLog')
    const { data } = (await root.get('/sys/data-rules/models/LoginLog/columns')).body
    expect(data).toContainEqual({ key: 'login_time', comment: '登录时间' })
    expect(data.map(({ key }: { key: string }) => key).sort()).toEqual(
      'browser city country created_time device id ip login_time os region status username'.split(' '),
    )
  })

  test('needs its code', async () => {
    expect((await t.anonymous.get('/logs/login')).status).toBe(401)
    expect((await (await t.signIn('log:opera:get', 'log:login:del')).get('/logs/login')).status).toBe(403)
  })

  test('shows each attempt to sign in at once, the failed ones too', async () => {
    const username = `typed_${randomBytes(4).toString('hex')}`
    const login = await t.anonymous.post('/auth/login', { username, password: 'Wrong-password-1' })
    expect(login.status).toBe(400)
    expect((await root.get(`/logs/login?username=${username}`)).body.data).toMatchObject({
      total: 1,
      items: [{ username, user_uuid: '', status: 0, msg: expect.any(String) }],
    })
  })

  test('shows the attempts too for which the server had no time', async () => {
    const username = `typed_${randomBytes(4).toString('hex')}`
    // Two that take long, and as many behind them as may wait.
    const long = [1, 2].map(() => hashPassword('x', { cost: 14 }))
    const waiting = Array.from({ length: 256 }, () => hashPassword('x', { cost: 4 }))
    const login = await t.anonymous.post('/auth/login', { username, password: 'Wrong-password-1' })
    expect(login.status).toBe(503)
    expect((await root.get(`/logs/login?username=${username}`)).body.data).toMatchObject({
      total: 1,
      items: [{ username, status: 0, msg: '服务繁忙，未能处理' }],
    })
    await Promise.all([...long, ...waiting])
  })
})

describe('deleting entries', () => {
  test('removes them and leaves who removed how many of which time', async () => {
    const first = await attempt({ login_time: '2024-05-01 08:00:00' })
    const stays = await attempt()
    const last = await attempt({ login_time: '2024-05-03 08:00:00' })
    const person = await t.signIn('log:login:del')
    const answer = await person.delete('/logs/login', { pks: [first, String(last), last] })
    expect(answer).toMatchObject({ status: 200, body: { code: 200, msg: '请求成功', data: null } })
    expect(await kept()).toEqual([stays])
    expect(await tombstones()).toEqual([
      {
        id: expect.any(Number),
        log: 'login',
        action: 'delete',
        removed_count: 2,
        oldest_time: '2024-05-01 08:00:00',
        newest_time: '2024-05-03 08:00:00',
        user_id: person.user_id,
        username: person.username,
        ip: '127.0.0.1',
        trace_id: answer.headers['x-request-id'],
        created_time: expect.stringMatching(WIRE_TIME),
      },
    ])
  })

  test('all or none: with one that is not there, or is out of scope, nothing is removed or recorded', async () => {
    const inside = await attempt({ ip: '203.0.113.1' })
    const outside = await attempt({ ip: '203.0.113.2' })
    expect((await root.delete('/logs/login', { pks: [inside, 999_999_999] })).status).toBe(404)
    const filtered = await t.signInAs({ permissions: ['log:login:del'], rules: [ipRule('203.0.113.1')] })
    expect((await filtered.delete('/logs/login', { pks: [inside, outside] })).status).toBe(404)
    expect(await kept()).toEqual([inside, outside])
    expect(await tombstones()).toEqual([])
    expect((await filtered.delete('/logs/login', { pks: [inside] })).status).toBe(200)
    expect(await kept()).toEqual([outside])
  })

  test('of ten deletions of the same entries at once one removes and records them', async () => {
    const pks: number[] = []
    for (let n = 0; n < 5; n += 1) pks.push(await attempt())
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => root.delete('/logs/login', { pks: n % 2 === 0 ? pks : [...pks].reverse() })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(404)])
    expect(await tombstones()).toMatchObject([{ removed_count: 5 }])
  })

  test('needs ids, the code and staff', async () => {
    const id = await attempt()
    for (const body of [{}, { pks: [] }, { pks: ['x'] }, { pks: [0] }, { pks: id }])
      expect((await root.delete('/logs/login', body)).status).toBe(422)
    expect((await t.anonymous.delete('/logs/login', { pks: [id] })).status).toBe(401)
    const reader = await t.signIn('log:login:get', 'log:login:clear')
    expect((await reader.delete('/logs/login', { pks: [id] })).status).toBe(403)
    const notStaff = await t.signInAs({ permissions: ['log:login:del'], is_staff: false })
    expect((await notStaff.delete('/logs/login', { pks: [id] })).status).toBe(403)
    expect(await kept()).toEqual([id])
  })
})

describe('clearing the log', () => {
  test('removes everything but the record of it, and the next attempt is logged as ever', async () => {
    await attempt({ login_time: '2024-05-01 08:00:00' })
    await attempt({ login_time: '2024-06-01 08:00:00' })
    const person = await t.signIn('log:login:clear')
    expect(await person.delete('/logs/login/all')).toMatchObject({ status: 200, body: { code: 200, data: null } })
    expect(await kept()).toEqual([])
    expect(await tombstones()).toMatchObject([
      {
        log: 'login',
        action: 'clear',
        removed_count: 2,
        oldest_time: '2024-05-01 08:00:00',
        newest_time: '2024-06-01 08:00:00',
        username: person.username,
      },
    ])
    expect((await person.delete('/logs/login/all')).status).toBe(200)
    expect(await tombstones()).toMatchObject([
      { action: 'clear', removed_count: 0, oldest_time: null, newest_time: null },
      { action: 'clear', removed_count: 2 },
    ])
    await t.anonymous.post('/auth/login', { username: 'after_clear', password: 'Wrong-password-1' })
    expect((await root.get('/logs/login')).body.data.total).toBe(1)
  })

  test('whoever is filtered clears what they see', async () => {
    await attempt({ ip: '203.0.113.1' })
    const outside = await attempt({ ip: '203.0.113.2' })
    const filtered = await t.signInAs({ permissions: ['log:login:clear'], rules: [ipRule('203.0.113.1')] })
    expect((await filtered.delete('/logs/login/all')).status).toBe(200)
    expect(await kept()).toEqual([outside])
    expect(await tombstones()).toMatchObject([{ action: 'clear', removed_count: 1 }])
  })

  test('without the record nothing is removed', async () => {
    const id = await attempt()
    const ctx = systemCtx(t.host)
    const unrecordable = { ...ctx, client: { ...ctx.client, ip: 'x'.repeat(65) } }
    await expect(loginLogService.clear(unrecordable)).rejects.toThrow()
    await expect(loginLogService.remove(unrecordable, [id])).rejects.toThrow()
    expect(await kept()).toEqual([id])
  })

  test('needs its code, and staff', async () => {
    const id = await attempt()
    expect((await t.anonymous.delete('/logs/login/all')).status).toBe(401)
    expect((await (await t.signIn('log:login:get', 'log:login:del')).delete('/logs/login/all')).status).toBe(403)
    const notStaff = await t.signInAs({ permissions: ['log:login:clear'], is_staff: false })
    expect((await notStaff.delete('/logs/login/all')).status).toBe(403)
    expect(await kept()).toEqual([id])
  })
})
