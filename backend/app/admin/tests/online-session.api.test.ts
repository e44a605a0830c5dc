import { randomUUID } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NewSession, session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
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
  test('is neither listed nor ended once it has been idle for too long', async () => {
    const strict = await createTestApp({ SESSION_IDLE_SECONDS: '600' })
    try {
      const person = await strict.signIn()
      const idle = { user_id: person.user_id, refresh_hash: 'x', ip: '192.0.2.1', expire_time: minutesAgo(-60) }
      await strict.db.insert(session).values([
        { ...idle, session_uuid: 'idle', last_active_time: minutesAgo(12) },
        { ...idle, session_uuid: 'used', last_active_time: minutesAgo(9) },
      ])
      expect(await uuids(person)).toEqual([person.session_uuid, 'used'])
      expect((await person.delete(path(person.user_id, 'idle'))).status).toBe(404)
      expect((await person.delete(path(person.user_id, 'used'))).status).toBe(200)
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

  test('is announced to every process', async () => {
    const person = await t.signIn()
    const announced: unknown[] = []
    const stop = t.host.shared.events.on('session.ended', (payload) => announced.push(payload))
    expect((await root.delete(path(person.user_id, person.session_uuid))).status).toBe(200)
    await expect.poll(() => announced).toEqual([{ session_uuids: [person.session_uuid], reason: 'forced' }])
    stop()
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
