import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selectPage } from '#backend/app/admin/crud/online-session.crud'
import { type NewSession, session } from '#backend/app/admin/model/session.model'
import { user, userScoped } from '#backend/app/admin/model/user.model'
import { everyRow } from '#backend/common/row-scope'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const WIRE_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
const path = (user_id: number, session_uuid: string) => `/monitors/sessions/${user_id}?session_uuid=${session_uuid}`

/** One more session of a user, without a token. */
async function open(user_id: number, fields: Partial<NewSession> = {}): Promise<string> {
  const session_uuid = randomUUID()
  await t.db.insert(session).values({
    session_uuid,
    user_id,
    refresh_hash: session_uuid,
    ip: '192.0.2.1',
    expire_time: minutesAgo(-60),
    ...fields,
  })
  return session_uuid
}

async function uuids(person: SignedIn, query = ''): Promise<string[]> {
  const { status, body } = await person.get(`/monitors/sessions${query}`)
  expect(status).toBe(200)
  return body.data.map((row: { session_uuid: string }) => row.session_uuid)
}

const ownerRule = (user_id: number) => ({
  model: 'User',
  column: 'id',
  operator: 0,
  expression: 0,
  value: String(user_id),
})

describe('listing sessions', () => {
  test('a bare list of exactly the fields of the wire, in the configured time zone, unknown devices named so', async () => {
    const person = await t.signIn()
    const opened = new Date('2024-05-01T00:30:00.999Z')
    const session_uuid = await open(person.user_id, {
      os: 'Windows 10',
      browser: 'Firefox 140',
      created_time: opened,
      expire_time: new Date('2099-12-31T16:00:00Z'),
    })
    const { body } = await root.get(`/monitors/sessions?username=${person.username}`)
    expect(body).toMatchObject({ code: 200, msg: '请求成功' })
    expect(body.data).toEqual([
      {
        id: person.user_id,
        session_uuid,
        username: person.username,
        nickname: person.username,
        ip: '192.0.2.1',
        os: 'Windows 10',
        browser: 'Firefox 140',
        device: 'Unknown',
        status: 1,
        last_login_time: '2024-05-01 08:30:00',
        expire_time: '2100-01-01 00:00:00',
      },
      expect.objectContaining({ session_uuid: person.session_uuid, last_login_time: expect.stringMatching(WIRE_TIME) }),
    ])
  })

  test('the last used first; online is whoever was active within five minutes; what has ended is not there', async () => {
    const person = await t.signIn()
    const older = await open(person.user_id, { last_active_time: minutesAgo(6) })
    const newer = await open(person.user_id, { last_active_time: minutesAgo(4) })
    await open(person.user_id, { ended_time: minutesAgo(1), ended_reason: 'logout' })
    await open(person.user_id, { expire_time: minutesAgo(1) })
    const { body } = await root.get(`/monitors/sessions?username=${person.username}`)
    expect(body.data.map((row: { session_uuid: string; status: number }) => [row.session_uuid, row.status])).toEqual([
      [person.session_uuid, 1],
      [newer, 1],
      [older, 0],
    ])
  })

  test('pages do not overlap and together hold every session', async () => {
    const person = await t.signIn()
    const last_active_time = minutesAgo(10)
    const made = [person.session_uuid]
    for (let n = 0; n < 4; n += 1) made.push(await open(person.user_id, { last_active_time }))
    const own = `username=${person.username}`
    const pages = [1, 2, 3].map((page) => uuids(root, `?${own}&page=${page}&size=2`))
    const found = await Promise.all(pages)
    expect(found.map((page) => page.length)).toEqual([2, 2, 1])
    expect(found.flat().sort()).toEqual(made.sort())
    expect(await uuids(root, `?${own}&page=4&size=2`)).toEqual([])
  })

  test('whoever holds the code finds others by any part of their name, and an empty filter filters nothing', async () => {
    const holder = await t.signIn('monitor:session:get')
    const person = await t.signIn()
    expect(await uuids(holder, `?username=${person.username.slice(3).toUpperCase()}`)).toEqual([person.session_uuid])
    expect(await uuids(holder, '?username=')).toEqual(expect.arrayContaining([person.session_uuid, root.session_uuid]))
    expect(await uuids(holder, '?username=%25')).toEqual([])
  })

  test('without the code everybody sees their own sessions, under their own name or none, and nothing else', async () => {
    const person = await t.signInAs({ is_staff: false })
    const other = await open(person.user_id)
    for (const query of ['', '?username=', `?username=${person.username}`])
      expect((await uuids(person, query)).sort()).toEqual([person.session_uuid, other].sort())
    for (const username of [root.username, person.username.slice(0, -1), person.username.toUpperCase(), '%25'])
      expect((await person.get(`/monitors/sessions?username=${username}`)).status).toBe(403)
  })

  test('the own name means oneself also for a holder whose name is part of another', async () => {
    const holder = await t.signIn('monitor:session:get')
    const namesake = await t.signIn()
    await t.db
      .update(user)
      .set({ username: `${holder.username}_2` })
      .where(eq(user.id, namesake.user_id))
    expect(await uuids(holder, `?username=${holder.username}`)).toEqual([holder.session_uuid])
    expect(await uuids(holder, `?username=${holder.username}_`)).toEqual([namesake.session_uuid])
  })

  test('a filtered holder sees the sessions of the users in their rules, and their own', async () => {
    const visible = await t.signIn()
    const permissions = ['monitor:session:get']
    const holder = await t.signInAs({ permissions, rules: [ownerRule(visible.user_id)] })
    expect((await uuids(holder)).sort()).toEqual([holder.session_uuid, visible.session_uuid].sort())
    expect(await uuids(holder, `?username=${root.username}`)).toEqual([])
    const blind = await t.signInAs({ permissions, rules: [] })
    expect(await uuids(blind)).toEqual([blind.session_uuid])
  })

  test('who is not signed in sees nothing; pages and names out of bounds are named', async () => {
    expect((await t.anonymous.get('/monitors/sessions')).status).toBe(401)
    for (const query of ['page=0', 'size=0', 'size=201', 'size=x', `username=${'x'.repeat(65)}`, 'username=a%00b'])
      expect((await root.get(`/monitors/sessions?${query}`)).status, query).toBe(422)
  })
})

describe('a session that nobody uses', () => {
  test('is not listed once it has been idle for too long', async () => {
    const strict = await createTestApp({ SESSION_IDLE_SECONDS: '600' })
    try {
      const person = await strict.signIn()
      const idle = { user_id: person.user_id, refresh_hash: 'x', ip: '192.0.2.1', expire_time: minutesAgo(-60) }
      await strict.db.insert(session).values([
        { ...idle, session_uuid: 'idle', last_active_time: minutesAgo(11) },
        { ...idle, session_uuid: 'used', last_active_time: minutesAgo(9) },
      ])
      expect(await uuids(person)).toEqual([person.session_uuid, 'used'])
    } finally {
      await strict.close()
    }
  })
})

describe('ending a session', () => {
  test('its next request is refused, its refresh token is dead, and the other sessions of the user go on', async () => {
    const password = 'Correct-horse-1'
    const person = await t.signIn()
    await t.db
      .update(user)
      .set({ password: await hashPassword(password, { cost: 4 }) })
      .where(eq(user.id, person.user_id))
    const login = await t.anonymous.post('/auth/login', { username: person.username, password })
    const { access_token, session_uuid } = login.body.data
    const bearer = { headers: { authorization: `Bearer ${access_token}` } }
    const cookie = String([login.headers['set-cookie']].flat()[0]).split(';')[0] ?? ''
    expect((await t.anonymous.get('/sys/users/me', bearer)).status).toBe(200)

    const answer = await root.delete(path(person.user_id, session_uuid))
    expect(answer).toMatchObject({ status: 200, body: { code: 200, msg: '请求成功', data: null } })
    expect((await t.anonymous.get('/sys/users/me', bearer)).status).toBe(401)
    expect((await t.anonymous.post('/auth/refresh', undefined, { headers: { cookie } })).status).toBe(401)
    expect((await person.get('/sys/users/me')).status).toBe(200)
    expect(await uuids(person)).toEqual([person.session_uuid])
    const [row] = await t.db.select().from(session).where(eq(session.session_uuid, session_uuid))
    expect(row).toMatchObject({ ended_reason: 'forced', ended_time: expect.any(Date) })
  })

  test('one that is not there, has ended, has expired or is of somebody else is 404, and ends nothing', async () => {
    const person = await t.signIn()
    const stranger = await t.signIn()
    const expired = await open(person.user_id, { expire_time: minutesAgo(1) })
    const ended = await open(person.user_id)
    expect((await root.delete(path(person.user_id, ended))).status).toBe(200)
    for (const session_uuid of [ended, expired, stranger.session_uuid, randomUUID()])
      expect((await root.delete(path(person.user_id, session_uuid))).status).toBe(404)
    expect((await root.delete(path(999_999, person.session_uuid))).status).toBe(404)
    expect((await stranger.get('/sys/users/me')).status).toBe(200)
    expect((await person.get('/sys/users/me')).status).toBe(200)
  })

  test('everybody ends their own, staff or not, but nobody those of others without the code', async () => {
    const person = await t.signInAs({ is_staff: false, rules: [] })
    const second = await t.signInUser(person.user_id)
    const stranger = await t.signIn('monitor:session:get')
    expect((await stranger.delete(path(person.user_id, second.session_uuid))).status).toBe(403)
    expect((await person.delete(path(stranger.user_id, stranger.session_uuid))).status).toBe(403)
    expect((await t.anonymous.delete(path(person.user_id, second.session_uuid))).status).toBe(401)
    expect((await second.get('/sys/users/me')).status).toBe(200)
    expect((await person.delete(path(person.user_id, second.session_uuid))).status).toBe(200)
    expect((await second.get('/sys/users/me')).status).toBe(401)
    expect((await person.delete(path(person.user_id, person.session_uuid))).status).toBe(200)
    expect((await person.get('/sys/users/me')).status).toBe(401)
  })

  test('the code is good for staff only', async () => {
    const permissions = ['monitor:session:del']
    const person = await t.signIn()
    const outsider = await t.signInAs({ permissions, is_staff: false })
    expect((await outsider.delete(path(person.user_id, person.session_uuid))).status).toBe(403)
    const holder = await t.signInAs({ permissions })
    expect((await holder.delete(path(person.user_id, person.session_uuid))).status).toBe(200)
  })

  test('a filtered holder ends only sessions of the users in their rules', async () => {
    const inside = await t.signIn()
    const outside = await t.signIn()
    const holder = await t.signInAs({ permissions: ['monitor:session:del'], rules: [ownerRule(inside.user_id)] })
    expect((await holder.delete(path(outside.user_id, outside.session_uuid))).status).toBe(404)
    expect((await holder.delete(path(inside.user_id, inside.session_uuid))).status).toBe(200)
    expect((await outside.get('/sys/users/me')).status).toBe(200)
  })

  test("a superuser's is ended by superusers alone, themselves included", async () => {
    const chief = await t.signInSuperuser()
    const second = await t.signInUser(chief.user_id)
    const holder = await t.signIn('monitor:session:del')
    expect((await holder.delete(path(chief.user_id, second.session_uuid))).status).toBe(403)
    expect((await root.delete(path(chief.user_id, second.session_uuid))).status).toBe(200)
    expect((await chief.delete(path(chief.user_id, chief.session_uuid))).status).toBe(200)
    expect((await chief.get('/sys/users/me')).status).toBe(401)
  })

  test('the session must be named', async () => {
    for (const query of ['', '?session_uuid=', `?session_uuid=${'x'.repeat(65)}`])
      expect((await root.delete(`/monitors/sessions/1${query}`)).status, query).toBe(422)
    expect((await root.delete('/monitors/sessions/x?session_uuid=x')).status).toBe(422)
  })
})

describe('among a hundred thousand sessions', () => {
  const INDEX = 'ix_sys_session_last_active_time'
  const SIZE = 100

  interface Plan {
    'Index Name'?: string
    'Relation Name'?: string
    'Actual Rows': number
    'Actual Loops': number
    'Shared Hit Blocks': number
    'Shared Read Blocks': number
    Plans?: Plan[]
  }

  async function planOfFirstPage(): Promise<{ scans: Plan[]; rows: number; blocks: number }> {
    const viewer = { scope: everyRow(userScoped), user_id: root.user_id }
    const query = selectPage(t.db, viewer, { idle_seconds: 0 }, { page: 1, size: SIZE })
    const [row] = await t.db.execute<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      sql`explain (analyze, buffers, format json) ${query.getSQL()}`,
    )
    const top = row?.['QUERY PLAN'][0]?.Plan
    if (top === undefined) throw new Error('no plan')
    const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
    const scans = nodesOf(top).filter((plan) => plan['Relation Name'] !== undefined)
    const rows = scans.reduce((sum, plan) => sum + plan['Actual Rows'] * plan['Actual Loops'], 0)
    return { scans, rows, blocks: top['Shared Hit Blocks'] + top['Shared Read Blocks'] }
  }

  async function fill(from: number, to: number): Promise<void> {
    await t.db.execute(sql`
      insert into sys_session (session_uuid, user_id, refresh_hash, ip, created_time, last_active_time, expire_time)
      select 'many-' || n, (select min(id) + n % 1000 from sys_user where username like 'many-%'), 'x', '192.0.2.1', now(),
        now() - n * interval '1 second', now() + interval '7 days'
      from generate_series(${from}::int, ${to}::int) n`)
    await t.db.execute(sql`analyze sys_session, sys_user`)
  }

  test('a page reads its own rows through the index, and no more of them than when there were a hundred in all', async () => {
    await t.db.execute(sql`delete from sys_session where session_uuid <> ${root.session_uuid}`)
    await t.db.execute(sql`
      insert into sys_user (username, nickname, uuid, status, is_superuser, is_staff, is_multi_login, join_time, created_time)
      select 'many-' || n, 'Many', gen_random_uuid(), 1, false, false, true, now(), now() from generate_series(1, 1000) n`)
    await fill(1, SIZE)
    const few = await planOfFirstPage()
    await fill(SIZE + 1, 100_000)
    const many = await planOfFirstPage()

    const read = many.scans.find((plan) => plan['Relation Name'] === 'sys_session')
    expect(read).toMatchObject({ 'Index Name': INDEX, 'Actual Rows': SIZE })
    expect(many.rows).toBeLessThanOrEqual(few.rows * 2)
    expect(many.blocks).toBeLessThanOrEqual(SIZE * 5)
    const { body } = await root.get(`/monitors/sessions?size=${SIZE}`)
    expect(body.data).toHaveLength(SIZE)
    const deep = await root.get('/monitors/sessions?page=500')
    expect(deep.body.data).toHaveLength(200)
  })
})
