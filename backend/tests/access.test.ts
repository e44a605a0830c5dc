import { eq, isNotNull } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import { splitCodes } from '#backend/common/codes'
import type { App } from '#backend/core/app'
import { type Access, codesOf } from '#backend/middleware/access'
import { APPS, buildApp } from '#backend/server'
import { EXPECTED_ACCESS } from '#backend/tests/contract/access'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let nobody: SignedIn
let superuser: SignedIn
/** One person per code, who holds that code and nothing else. */
let holders: Map<string, SignedIn>

const CODES = [...new Set(Object.values(EXPECTED_ACCESS).flatMap(codesOf))].sort()

beforeAll(async () => {
  t = await createTestApp()
  nobody = await t.signIn()
  superuser = await t.signInSuperuser()
  holders = new Map()
  for (const code of CODES) holders.set(code, await t.signIn(code))
})
afterAll(() => t.close())

const FORBIDDEN = '权限不足'

/** What the guard of a route says to somebody; the request goes no further than a missing row or an invalid body. */
async function verdict(app: App, route: string, person?: SignedIn): Promise<'in' | 401 | 403> {
  const [method = '', url = ''] = route.split(' ')
  const response = await app.inject({
    method: method as 'GET',
    url: url.replace(':pk', '999999999').replace(/:(model|code)/, 'Nothing'),
    ...(person === undefined ? {} : { headers: { authorization: `Bearer ${person.token}` } }),
  })
  if (response.statusCode === 401) return 401
  return response.statusCode === 403 && response.json().msg === FORBIDDEN ? 403 : 'in'
}

/** To anybody signed in: the guard alone then refuses nobody, and each service's own tests show what it gives to whom. */
const opensToAll = (access: Access) => access === 'signed-in' || (typeof access === 'object' && access.own === true)

/** The route against everybody: what does not come out as `expected` says. */
async function violations(app: App, route: string, expected: Access, people = holders): Promise<string[]> {
  const found: string[] = []
  const check = async (who: string, person: SignedIn | undefined, wanted: 'in' | 401 | 403) => {
    const got = await verdict(app, route, person)
    if (got !== wanted) found.push(`${route} for ${who}: ${got}, not ${wanted}`)
  }
  if (expected === 'public') return found
  const codes = codesOf(expected)
  await check('anonymous', undefined, 401)
  await check('somebody without roles', nobody, opensToAll(expected) ? 'in' : 403)
  for (const [code, person] of people)
    await check(`holder of ${code}`, person, opensToAll(expected) || codes.includes(code) ? 'in' : 403)
  await check('superuser', superuser, 'in')
  return found
}

const nameOf = ({ method, url }: { method: string; url: string }) => `${method} ${url.replace(/(.)\/$/, '$1')}`

describe('every route of the router', () => {
  test('is expected, and every expected one exists, with exactly that access', () => {
    const actual = Object.fromEntries(
      t.app.routeAccess
        .filter(({ method, url }) => method !== 'HEAD' && !/^\/(docs|openapi)\b/.test(url))
        .map((route) => [nameOf(route), normal(route.access)]),
    )
    const expected = Object.fromEntries(Object.entries(EXPECTED_ACCESS).map(([name, access]) => [name, normal(access)]))
    expect(actual).toEqual(expected)
  })

  test('lets in whom it should and nobody else: anonymous, no roles, each single code, superuser', async () => {
    const found: string[] = []
    for (const [route, access] of Object.entries(EXPECTED_ACCESS))
      found.push(...(await violations(t.app, route, access)))
    expect(found).toEqual([])
  })

  test('a HEAD request is guarded like the GET it belongs to', async () => {
    for (const [route, access] of Object.entries(EXPECTED_ACCESS))
      if (route.startsWith('GET ') && access !== 'public') {
        const url = route
          .slice(4)
          .replace(':pk', '1')
          .replace(/:(model|code)/, 'User')
        expect((await t.app.inject({ method: 'HEAD', url })).statusCode, route).toBe(401)
      }
  })

  test('who is not staff may read with a code but change nothing', async () => {
    const reader = await t.signInAs({ permissions: CODES, is_staff: false })
    for (const [route, access] of Object.entries(EXPECTED_ACCESS))
      if (typeof access === 'object')
        expect(await verdict(t.app, route, reader), route).toBe(
          route.startsWith('GET ') || opensToAll(access) ? 'in' : 403,
        )
  })
})

const normal = (access: Access) =>
  typeof access === 'string' ? access : { own: access.own === true, codes: [...codesOf(access)].sort() }

/** The application, its plugins included, with the guards of some routes replaced. */
async function withGuards(chosen: (route: string) => boolean, access: Access | undefined): Promise<App> {
  const tamper = (app: App) => {
    app.addHook('onRoute', (options) => {
      const names = [options.method].flat().map((method) => nameOf({ method, url: options.url }))
      if (names.some(chosen)) options.config = { ...options.config, access }
    })
  }
  const tampered =
    <Own>(api: (app: App, own: Own) => Promise<void>) =>
    async (app: App, own: Own) => {
      tamper(app)
      await api(app, own)
    }
  const apps = APPS.map((module) => ({ ...module, api: tampered(module.api) }))
  const set = t.host.set()
  const enabled = set.enabled.map(({ manifest, definition }) => ({
    manifest,
    definition: { ...definition, ...(definition.api === undefined ? {} : { api: tampered(definition.api) }) },
  }))
  return buildApp(t.host, apps, { ...set, enabled })
}

describe('the check itself', () => {
  const guarded = Object.entries(EXPECTED_ACCESS).filter(([, access]) => access !== 'public')

  test.each(guarded)('sees that the guard of %s is gone', async (route, expected) => {
    const open = await withGuards((name) => name === route, 'public')
    try {
      await open.ready()
      expect(await violations(open, route, expected, new Map())).not.toEqual([])
    } finally {
      await open.close()
    }
  })

  test('sees each route that opens to anybody signed in', async () => {
    const open = await withGuards(() => true, 'signed-in')
    try {
      await open.ready()
      for (const [route, expected] of guarded)
        if (!opensToAll(expected)) expect(await violations(open, route, expected, new Map()), route).not.toEqual([])
    } finally {
      await open.close()
    }
  })

  test('a route that says nothing of access stops the boot', async () => {
    const broken = await withGuards((name) => name === 'GET /api/v1/sys/depts', undefined)
    await expect(broken.ready()).rejects.toThrow(/GET \/api\/v1\/sys\/depts.*no config\.access/)
    await broken.close()
  })

  test('a route without a response schema stops the boot', async () => {
    const broken = await buildApp(t.host, [
      ...APPS,
      {
        name: 'leaky',
        scoped_models: [],
        api: async (app: App) => {
          app.get('/leak', { config: { access: 'superuser' }, schema: { summary: 'Leak' } }, async () => ({
            secret: 1,
          }))
        },
      },
    ])
    await expect(broken.ready()).rejects.toThrow(/\/api\/v1\/leak: no response schema/)
    await broken.close()
  })
})

describe('codes', () => {
  test('each code that a route declares is on an enabled menu of a fresh database, so that it can be given', async () => {
    const rows = await t.db.select({ perms: menu.perms, status: menu.status }).from(menu).where(isNotNull(menu.perms))
    const seeded = new Set(rows.filter(({ status }) => status === 1).flatMap(({ perms }) => splitCodes(perms ?? '')))
    expect(CODES.filter((code) => !seeded.has(code))).toEqual([])
  })

  test('OpenAPI names the same codes', () => {
    const { paths } = t.app.swagger() as unknown as { paths: Record<string, Record<string, Record<string, string[]>>> }
    const documented = Object.values(paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => operation['x-permission'] ?? []),
    )
    expect([...new Set(documented)].sort()).toEqual(CODES)
  })

  test('a disabled menu or role gives nothing at the next request', async () => {
    const person = await t.signIn('sys:dept:get')
    expect((await person.get('/sys/depts')).status).toBe(200)
    const [held] = await t.db.select().from(menu).where(eq(menu.perms, 'sys:dept:get')).limit(1)
    expect(held).toBeDefined()
    await superuser.put(`/sys/roles/${person.role_id}`, { name: `off ${person.role_id}`, status: 0 })
    expect((await person.get('/sys/depts')).status).toBe(403)
  })
})
