import { randomBytes } from 'node:crypto'
import { desc, eq, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { createHost, type Host } from '#backend/core/host'
import { createHttpServer } from '#backend/core/http-server'
import { plugin } from '#backend/core/plugin/model/plugin.model'
import { serverProcess } from '#backend/core/plugin/model/process.model'
import { type BuildGeneration, type PluginRuntime, startRuntime } from '#backend/core/plugin/runtime'
import { APPS, buildApp } from '#backend/server'
import { callerOf, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

let t: TestApp
let superuser: SignedIn
beforeAll(async () => {
  t = await createTestApp({}, { plugin_folder: PLUGIN_FIXTURES })
  superuser = await t.signInSuperuser()
})
afterAll(() => t.close())

const ENGLISH = { headers: { 'accept-language': 'en-US' } }
const toggle = (name: string) => superuser.put(`/sys/plugins/${name}/status`, undefined, ENGLISH)
const isEnabled = async (name: string) => (await t.db.select().from(plugin).where(eq(plugin.name, name)))[0]?.enabled
async function bring(name: string, enabled: boolean): Promise<void> {
  if ((await isEnabled(name)) === enabled) return
  expect((await toggle(name)).status).toBe(200)
}
afterEach(async () => {
  await bring('sample', true)
  await bring('addon', true)
})

describe('listing', () => {
  test('shows every plugin as the front end reads it', async () => {
    const { body } = await superuser.get('/sys/plugins')
    expect(body.data).toContainEqual({
      plugin: expect.objectContaining({
        name: 'sample',
        summary: 'What the tests of plugins use',
        version: '1.2.0',
        description: 'Brings one of everything that a plugin can bring.',
        author: 'The project',
        enable: '1',
        source: 'built-in',
      }),
    })
    expect(JSON.stringify(body)).not.toContain('archive')
  })

  test('nothing is changing while every process serves the newest set', async () => {
    expect((await superuser.get('/sys/plugins/changed')).body.data).toBe(false)
  })
})

describe('a hook', () => {
  const create = (nickname: string) => {
    const dept_id = 1
    const username = `hooked_${randomBytes(4).toString('hex')}`
    return superuser.post('/sys/users', { username, nickname, password: 'Hooked-1234', dept_id, roles: [] }, ENGLISH)
  }
  const noted = async () =>
    (await t.db.execute<{ name: string }>(sql`select name from fixture_sample where name like 'user %'`)).length

  test('runs in the transaction of the change, may refuse it, and is gone with its plugin', async () => {
    const before = await noted()
    expect((await create('welcome')).status).toBe(200)
    expect(await noted()).toBe(before + 1)
    const refused = await create('not welcome')
    expect([refused.status, refused.body.msg]).toEqual([409, expect.stringContaining('exists already')])
    expect(await noted()).toBe(before + 1)
    const users = await t.db.execute(sql`select 1 from sys_user where nickname = 'not welcome'`)
    expect(users).toHaveLength(0)
    await bring('addon', false)
    await bring('sample', false)
    expect((await create('not welcome')).status).toBe(200)
    expect(await noted()).toBe(before + 1)
  })
})

test('the operation log shows which way a plugin was switched', async () => {
  for (const enabled of [false, true]) {
    expect((await toggle('addon')).status).toBe(200)
    await t.host.audit?.ship()
    const [record] = await t.db
      .select({ diff: operaLog.diff })
      .from(operaLog)
      .where(eq(operaLog.path, '/api/v1/sys/plugins/addon/status'))
      .orderBy(desc(operaLog.id))
      .limit(1)
    const change = { table: 'sys_plugin', id: 'addon', before: { enabled: !enabled }, after: { enabled } }
    expect(record?.diff).toEqual([change])
  }
})

describe('disabling', () => {
  test('takes routes, operations, models, messages and menus away, and enabling brings all of them back', async () => {
    const reader = await t.signIn('sample:get')
    const models = async () => (await superuser.get('/sys/data-rules/models')).body.data as string[]
    const sidebar = async () => JSON.stringify((await superuser.get('/sys/menus/sidebar')).body.data)
    await bring('addon', false)
    const off = await toggle('sample')
    expect(off.body.data).toEqual({ set_version: expect.any(Number), out_of_service: [] })

    const gone = await reader.get('/samples', ENGLISH)
    expect(gone.body).toMatchObject({ code: 404, msg: 'The plugin sample is disabled', data: null })
    expect((await t.anonymous.post('/samples/x/copies')).status).toBe(404)
    expect(t.app.swagger().paths).not.toHaveProperty('/api/v1/samples')
    expect(await models()).not.toContain('Sample')
    expect(t.host.parts().overrides).toEqual([])
    expect(await sidebar()).not.toContain('SamplePage')
    expect(await sidebar()).toContain('SysUser')
    const listed = (await superuser.get('/sys/plugins')).body.data as { plugin: { name: string; enable: string } }[]
    expect(listed.find((one) => one.plugin.name === 'sample')?.plugin.enable).toBe('0')

    const on = await toggle('sample')
    expect(on.body.data.set_version).toBe(off.body.data.set_version + 1)
    expect((await reader.get('/samples')).status).toBe(200)
    expect(t.app.swagger().paths).toHaveProperty('/api/v1/samples')
    expect(await models()).toContain('Sample')
    expect(await sidebar()).toContain('SamplePage')
  })

  test('is refused for what an enabled plugin needs, as is enabling what needs a disabled one', async () => {
    const needed = await toggle('sample')
    expect(needed.status).toBe(409)
    expect(needed.body.msg).toBe('It is needed by plugins that are enabled: addon')
    await bring('addon', false)
    await bring('sample', false)
    const needs = await toggle('addon')
    expect(needs.status).toBe(409)
    expect(needs.body.msg).toBe('It needs plugins that are not enabled: sample')
  })

  test('is refused for what the product cannot do without', async () => {
    const [row] = await t.db.select().from(plugin).where(eq(plugin.name, 'addon'))
    if (row === undefined) throw new Error('no addon')
    const store = (required: boolean) =>
      t.db
        .update(plugin)
        .set({ manifest: { ...row.manifest, required } })
        .where(eq(plugin.name, 'addon'))
    await store(true)
    expect((await toggle('addon')).status).toBe(403)
    await store(false)
    expect(await isEnabled('addon')).toBe(true)
  })

  test('an unknown plugin is 404, a name that is none 422', async () => {
    expect((await toggle('nowhere')).status).toBe(404)
    expect((await toggle('No-Where')).status).toBe(422)
  })

  test('several changes at once happen one after the other', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => toggle('addon')))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const versions = answers.map(({ body }) => body.data.set_version as number).sort((a, b) => a - b)
    expect(versions.map((version) => version - (versions[0] ?? 0))).toEqual([0, 1, 2, 3])
    expect(await isEnabled('addon')).toBe(true)
  })
})

describe('a set from which no application can be built', () => {
  afterEach(() => {
    delete process.env.SAMPLE_LIMIT
  })

  test('is refused, and everything stays as it was', async () => {
    await bring('addon', false)
    await bring('sample', false)
    process.env.SAMPLE_LIMIT = 'many'
    const before = t.app
    const { status, body } = await toggle('sample')
    expect(status).toBe(409)
    expect(body.msg).toMatch(/SAMPLE_LIMIT: must be of type integer/)
    expect(await isEnabled('sample')).toBe(false)
    expect(t.app).toBe(before)
  })
})

describe('another process', () => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function second(
    build = (host: Host): BuildGeneration =>
      (set) =>
        buildApp(host, APPS, set),
  ): Promise<{ host: Host; runtime: PluginRuntime }> {
    const host = await createHost(t.config, { apps: APPS, log: t.host.log, plugin_folder: PLUGIN_FIXTURES })
    opened.push(() => host.close())
    await host.start()
    const runtime = await startRuntime(host, build(host))
    opened.push(() => runtime.stop())
    return { host, runtime }
  }

  test('serves the new set once the change is answered, and starts with the set as it is', async () => {
    const { runtime } = await second()
    const caller = callerOf(() => runtime.current().app, {})
    expect((await caller.get('/addon/answers/1')).status).toBe(200)
    for (const status of [404, 200, 404]) {
      await toggle('addon')
      expect((await caller.get('/addon/answers/1')).status).toBe(status)
    }
    const third = await second()
    expect((await callerOf(() => third.runtime.current().app, {}).get('/addon/answers/1')).status).toBe(404)
    expect(third.runtime.mayServe()).toBe(true)
  })

  /** A process that is out of service says so, in the language of the client, and keeps a record of whom it said it to. */
  async function expectRefusals(host: Host, runtime: PluginRuntime): Promise<void> {
    const away = createHttpServer(runtime.handle, t.host.log)
    const url = await away.listen({ host: '127.0.0.1', port: 0 })
    const response = await fetch(`${url}/api/v1/sys/depts?token=canary`, {
      method: 'POST',
      body: 'x'.repeat(100_000),
      headers: { 'accept-language': 'en', 'x-request-id': 'refused-while-away' },
    })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toEqual({
      code: 503,
      msg: expect.stringMatching(/out of service/),
      data: null,
      trace_id: 'refused-while-away',
    })
    await away.stop(1_000)
    await host.audit?.ship()
    const records = await t.db.select().from(operaLog).where(eq(operaLog.trace_id, 'refused-while-away'))
    expect(records).toMatchObject([
      { method: 'POST', path: '/api/v1/sys/depts', status: 0, code: '503', username: null },
    ])
    expect(JSON.stringify(records)).not.toContain('canary')
  }

  test('is listed while it runs and no longer when it has stopped', async () => {
    const { runtime } = await second()
    expect(await t.db.select().from(serverProcess)).toHaveLength(2)
    await runtime.stop()
    expect(await t.db.select().from(serverProcess)).toHaveLength(1)
  })

  test('that cannot build the set is named with its reason, and has stopped serving; it comes back with the next set', async () => {
    let fails = false
    const { host, runtime } = await second((host) => async (set) => {
      if (fails) throw new Error('no room on this machine')
      return buildApp(host, APPS, set)
    })
    fails = true
    const asked_at = performance.now()
    const { body } = await toggle('addon')
    expect(performance.now() - asked_at).toBeGreaterThan(9_000)
    expect(body.data.out_of_service).toEqual([
      expect.objectContaining({ pid: process.pid, error: 'no room on this machine', host: expect.any(String) }),
    ])
    expect(runtime.mayServe()).toBe(false)
    await expectRefusals(host, runtime)
    expect((await superuser.get('/sys/plugins/changed')).body.data).toBe(true)
    fails = false
    expect((await toggle('addon')).body.data.out_of_service).toEqual([])
    await expect.poll(() => runtime.mayServe()).toBe(true)
  })
})
