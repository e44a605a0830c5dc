import { randomBytes } from 'node:crypto'
import { eq, getTableColumns } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { codesOf } from '#backend/middleware/access'
import { notice } from '#backend/plugin/notice/model/notice.model'
import { EXPECTED_ACCESS } from '#backend/tests/contract/access'
import { type Answer, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

/** Where the rows of each scoped model are read and changed. */
const PREFIXES: Readonly<Record<string, readonly string[]>> = {
  Dept: ['/api/v1/sys/depts'],
  User: ['/api/v1/sys/users', '/api/v1/monitors/sessions'],
  LoginLog: ['/api/v1/logs/login'],
  OperaLog: ['/api/v1/logs/opera'],
  Notice: ['/api/v1/sys/notices'],
}

let t: TestApp
/** Whose row somebody else may not see. */
let target: SignedIn
let dept_id: number
let other_dept_id: number
let log_id: number
let opera_id: number
let notice_id: number
/** Filtered, holds every code, and has no rule for any model. */
let blind: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  const [made, other] = await t.db
    .insert(dept)
    .values([{ name: 'Not to be seen' }, { name: 'Not to be seen either' }])
    .returning()
  dept_id = made?.id ?? 0
  other_dept_id = other?.id ?? 0
  target = await t.signInAs({ dept_id })
  const entry = { user_uuid: '', username: 'x', status: 1, ip: '192.0.2.1', msg: 'x', login_time: '2024-01-01' }
  const [logged] = await t.db.insert(loginLog).values([entry, entry]).returning()
  log_id = logged?.id ?? 0
  const request = { trace_id: 'x', method: 'GET', title: 'x', path: '/x', ip: '192.0.2.1', status: 1, code: '200' }
  const answered = { ...request, cost_time: 1, opera_time: '2024-01-01' }
  const [kept] = await t.db.insert(operaLog).values([answered, answered]).returning()
  opera_id = kept?.id ?? 0
  const [written] = await t.db
    .insert(notice)
    .values({ title: 'Not to be seen', type: 0, status: 1, content: 'x' })
    .returning()
  notice_id = written?.id ?? 0
  blind = await t.signInAs({ permissions: [...new Set(Object.values(EXPECTED_ACCESS).flatMap(codesOf))], rules: [] })
})
afterAll(() => t.close())

interface Probe {
  /** Below /api/v1, with the ids of rows that are there. */
  path: () => string
  body?: () => object
  expect: { status: number; data?: unknown } | ((answer: Answer) => void)
}

const NOT_THERE = { status: 404 }
const REFUSED = { status: 403 }
const EMPTY_PAGE = { status: 200, data: { items: [], total: 0 } }
/** What is one's own is not subject to row permissions: tested where profiles are. */
const OWN = 'own'
const planted = (label: string) => `${label}_${randomBytes(4).toString('hex')}`
const aDept = () => ({ name: planted('dept'), status: 1 })
const aUser = () => ({ username: planted('user'), nickname: 'x', dept_id: other_dept_id, roles: [] })
const aNotice = () => ({ title: planted('notice'), type: 0, status: 1, content: 'x' })
const ofDept = () => `/sys/depts/${dept_id}`
const ofUser = (more = '') => `/sys/users/${target.user_id}${more}`

/**
 * Every operation of the models above, asked about rows that are there. A new one needs a line here. In an order in
 * which somebody who sees all of them could ask one after the other.
 */
const PROBES: Readonly<Record<string, Probe | typeof OWN>> = {
  'GET /api/v1/monitors/sessions': {
    path: () => '/monitors/sessions?size=200',
    // Somebody’s own session is theirs to see.
    expect: ({ status, body }) =>
      expect([status, body.data.map(({ id }: { id: number }) => id)]).toEqual([200, [blind.user_id]]),
  },
  'DELETE /api/v1/monitors/sessions/:pk': {
    path: () => `/monitors/sessions/${target.user_id}?session_uuid=${target.session_uuid}`,
    expect: NOT_THERE,
  },

  'GET /api/v1/logs/login': { path: () => '/logs/login', expect: EMPTY_PAGE },
  'DELETE /api/v1/logs/login': { path: () => '/logs/login', body: () => ({ pks: [log_id] }), expect: NOT_THERE },
  'DELETE /api/v1/logs/login/all': { path: () => '/logs/login/all', expect: { status: 200 } },

  'GET /api/v1/logs/opera': { path: () => '/logs/opera', expect: EMPTY_PAGE },
  'GET /api/v1/logs/opera/export': {
    path: () => '/logs/opera/export',
    // The names of the columns, and no row.
    expect: ({ status, text }) => expect([status, text.trim().split('\r\n').length]).toEqual([200, 1]),
  },
  'GET /api/v1/logs/opera/:pk': { path: () => `/logs/opera/${opera_id}`, expect: NOT_THERE },
  'DELETE /api/v1/logs/opera': { path: () => '/logs/opera', body: () => ({ pks: [opera_id] }), expect: NOT_THERE },
  'DELETE /api/v1/logs/opera/all': { path: () => '/logs/opera/all', expect: { status: 200 } },

  'GET /api/v1/sys/users/me': OWN,
  'PUT /api/v1/sys/users/me/avatar': OWN,
  'PUT /api/v1/sys/users/me/email': OWN,
  'PUT /api/v1/sys/users/me/nickname': OWN,
  'PUT /api/v1/sys/users/me/password': OWN,
  'GET /api/v1/sys/users': { path: () => '/sys/users', expect: EMPTY_PAGE },
  'POST /api/v1/sys/users': {
    path: () => '/sys/users',
    body: () => ({ ...aUser(), password: 'Abc-12345' }),
    expect: REFUSED,
  },
  'GET /api/v1/sys/users/:pk': { path: ofUser, expect: NOT_THERE },
  'GET /api/v1/sys/users/:pk/roles': { path: () => ofUser('/roles'), expect: NOT_THERE },
  'PUT /api/v1/sys/users/:pk/password': {
    path: () => ofUser('/password'),
    body: () => ({ password: 'Abc-12345' }),
    expect: NOT_THERE,
  },
  // For superusers, who are never filtered.
  'PUT /api/v1/sys/users/:pk/permissions': { path: () => ofUser('/permissions?type=staff'), expect: REFUSED },
  'PUT /api/v1/sys/users/:pk': { path: ofUser, body: aUser, expect: NOT_THERE },
  'DELETE /api/v1/sys/users/:pk': { path: ofUser, expect: NOT_THERE },

  'GET /api/v1/sys/notices': { path: () => '/sys/notices', expect: EMPTY_PAGE },
  'POST /api/v1/sys/notices': { path: () => '/sys/notices', body: aNotice, expect: REFUSED },
  'GET /api/v1/sys/notices/:pk': { path: () => `/sys/notices/${notice_id}`, expect: NOT_THERE },
  'PUT /api/v1/sys/notices/:pk': { path: () => `/sys/notices/${notice_id}`, body: aNotice, expect: NOT_THERE },
  'DELETE /api/v1/sys/notices': { path: () => '/sys/notices', body: () => ({ pks: [notice_id] }), expect: NOT_THERE },

  'GET /api/v1/sys/depts': { path: () => '/sys/depts', expect: { status: 200, data: [] } },
  'POST /api/v1/sys/depts': { path: () => '/sys/depts', body: aDept, expect: REFUSED },
  'GET /api/v1/sys/depts/:pk': { path: ofDept, expect: NOT_THERE },
  'PUT /api/v1/sys/depts/:pk': { path: ofDept, body: aDept, expect: NOT_THERE },
  'DELETE /api/v1/sys/depts/:pk': { path: ofDept, expect: NOT_THERE },
}

async function ask(by: SignedIn, route: string, { path, body }: Probe): Promise<Answer> {
  const [method = ''] = route.split(' ')
  const call = by[method.toLowerCase() as 'post']
  return method === 'GET' ? by.get(path()) : call(path(), body?.())
}

/** Every row of the scoped tables and the sessions, without what each request writes. */
async function everything(): Promise<unknown> {
  const { last_active_time: _, ...kept } = getTableColumns(session)
  return {
    depts: await t.db.select().from(dept).orderBy(dept.id),
    users: await t.db.select().from(user).orderBy(user.id),
    logins: await t.db.select().from(loginLog).orderBy(loginLog.id),
    requests: await t.db.select().from(operaLog).where(eq(operaLog.trace_id, 'x')),
    notices: await t.db.select().from(notice).orderBy(notice.id),
    sessions: await t.db.select(kept).from(session).orderBy(session.session_uuid),
  }
}

const nameOf = ({ method, url }: { method: string; url: string }) => `${method} ${url.replace(/(.)\/$/, '$1')}`

describe('operations of scoped models', () => {
  test('are all in the list, and so is every scoped model', () => {
    expect(Object.keys(PREFIXES).sort()).toEqual([...t.host.parts().scoped_models.keys()].sort())
    const prefixes = Object.values(PREFIXES).flat()
    const isBelow = (url: string) => prefixes.some((prefix) => url === prefix || url.startsWith(`${prefix}/`))
    const routes = t.app.routeAccess.filter(({ method, url }) => method !== 'HEAD' && isBelow(url)).map(nameOf)
    expect(routes.sort()).toEqual(Object.keys(PROBES).sort())
  })

  const probes = Object.entries(PROBES).filter((entry): entry is [string, Probe] => entry[1] !== OWN)

  test.each(probes)('%s shows and changes nothing that no rule opens', async (route, probe) => {
    const before = await everything()
    const answer = await ask(blind, route, probe)
    if (typeof probe.expect === 'function') probe.expect(answer)
    else {
      expect(answer.status).toBe(probe.expect.status)
      if (probe.expect.data !== undefined) expect(answer.body.data).toMatchObject(probe.expect.data as object)
    }
    expect(answer.text).not.toContain('Not to be seen')
    expect(await everything()).toEqual(before)
  })

  test('shows or changes what it asks about to somebody who sees every row: the questions are real ones', async () => {
    const superuser = await t.signInSuperuser()
    for (const [route, probe] of probes) {
      const before = await everything()
      const answer = await ask(superuser, route, probe)
      expect({ route, status: answer.status }).toEqual({ route, status: 200 })
      if (route.startsWith('GET'))
        expect(answer.body?.data ?? answer.text.trim().split('\r\n').slice(1), route).not.toMatchObject({ items: [] })
      else expect(await everything(), route).not.toEqual(before)
    }
  })
})
