import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { logTombstone } from '#backend/app/admin/model/log-tombstone.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())
beforeEach(async () => {
  await t.db.delete(logTombstone)
})

const WIRE_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

describe('what was removed', () => {
  const trace = { removed_count: 1, user_id: 1, username: 'lin', ip: '192.0.2.1', trace_id: 'x' }

  test('is listed by page, the newest first, and by log', async () => {
    await root.delete('/logs/login/all')
    await t.db.insert(logTombstone).values({ ...trace, log: 'opera', action: 'delete' })
    const { status, body } = await root.get('/logs/tombstones?size=1')
    expect(status).toBe(200)
    expect(body.data).toMatchObject({ total: 2, total_pages: 2, page: 1, size: 1 })
    expect(body.data.items).toEqual([
      {
        ...trace,
        id: expect.any(Number),
        log: 'opera',
        action: 'delete',
        oldest_time: null,
        newest_time: null,
        created_time: expect.stringMatching(WIRE_TIME),
      },
    ])
    const login = await root.get('/logs/tombstones?log=login')
    expect(login.body.data.items).toMatchObject([{ log: 'login', action: 'clear', username: root.username }])
    for (const query of ['log=other', 'page=0', 'size=201'])
      expect((await root.get(`/logs/tombstones?${query}`)).status, query).toBe(422)
  })

  test('is read with the code of the log that it was removed from', async () => {
    await t.db.insert(logTombstone).values([
      { ...trace, log: 'opera', action: 'clear' },
      { ...trace, log: 'login', action: 'clear' },
    ])
    const reader = await t.signIn('log:login:get')
    expect((await reader.get('/logs/tombstones')).body.data).toMatchObject({ total: 1, items: [{ log: 'login' }] })
    expect((await reader.get('/logs/tombstones?log=login')).body.data.total).toBe(1)
    expect((await reader.get('/logs/tombstones?log=opera')).status).toBe(403)
    const both = await t.signInAs({ permissions: ['log:login:get', 'log:opera:get'], is_staff: false })
    expect((await both.get('/logs/tombstones')).body.data.total).toBe(2)
    expect((await (await t.signIn('log:login:clear')).get('/logs/tombstones')).status).toBe(403)
    expect((await t.anonymous.get('/logs/tombstones')).status).toBe(401)
  })

  test('is removed by nothing: no operation changes it, and no clearing reaches it', async () => {
    const [row] = await t.db
      .insert(logTombstone)
      .values({ ...trace, log: 'login', action: 'clear' })
      .returning({ id: logTombstone.id })
    const id = row?.id ?? 0
    const changing = t.app.routeAccess.filter(
      ({ method, url }) => url.includes('tombstone') && !['GET', 'HEAD', 'OPTIONS'].includes(method),
    )
    expect(changing).toEqual([])
    expect((await root.delete('/logs/tombstones', { pks: [id] })).status).toBe(405)
    expect((await root.delete(`/logs/tombstones/${id}`)).status).toBe(404)
    expect((await root.delete('/logs/login/all')).status).toBe(200)
    expect(await t.db.select().from(logTombstone).where(eq(logTombstone.id, id))).toHaveLength(1)
    expect(await t.db.select().from(logTombstone).where(eq(logTombstone.log, 'login'))).toHaveLength(2)
  })
})
