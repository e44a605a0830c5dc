import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { pgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import { pluginSettings } from '#backend/core/config'
import { loadBuiltIns } from '#backend/core/plugin/built-in'
import { builtInMigrationStatus, installBuiltIns, migrateBuiltIns } from '#backend/core/plugin/built-in-install'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import { inDependencyOrder, type LoadedPlugin, undeclared } from '#backend/core/plugin/loaded'
import { PluginManifest } from '#backend/core/plugin/manifest'
import { plugin } from '#backend/core/plugin/model/plugin.model'
import { scopedModel } from '#backend/database/scoped-model'
import { buildApp } from '#backend/server'
import { callerOf, createTestApp, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

const FIXTURES = PLUGIN_FIXTURES

describe('loading', () => {
  test('finds every folder with a manifest, and puts a plugin after those it depends on', async () => {
    const found = await loadBuiltIns(FIXTURES)
    expect(found.map(({ manifest }) => manifest.name)).toEqual(['sample', 'addon'])
    expect(found[0]?.migrations.map(({ name }) => name)).toEqual(['0000_tables', '0001_colour'])
    expect(found[0]?.definition.scoped_models).toHaveLength(1)
  })

  test('the plugins of the product are found, and a folder that is not there has none', async () => {
    await expect(loadBuiltIns()).resolves.toEqual(expect.any(Array))
    expect(await loadBuiltIns(join(FIXTURES, 'nowhere'))).toEqual([])
  })

  test('a manifest that does not fit, a folder of another name and an undeclared part stop it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fba-plugins-'))
    try {
      cpSync(join(FIXTURES, 'addon'), join(folder, 'other'), { recursive: true })
      await expect(loadBuiltIns(folder)).rejects.toThrow(/addon is named other/)
      const file = join(folder, 'other', 'plugin.json')
      const text = readFileSync(file, 'utf8').replace('"0.1.0"', '"newest"')
      writeFileSync(file, text)
      await expect(loadBuiltIns(folder)).rejects.toThrow(/version/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

const manifest = (name: string, more: Partial<PluginManifest> = {}) =>
  PluginManifest.parse({
    name,
    title: name,
    summary: name,
    version: '1.0.0',
    description: name,
    author: 'The project',
    ...more,
  })
const loaded = (name: string, ...depends_on: string[]): LoadedPlugin => ({
  manifest: manifest(name, { depends_on }),
  definition: {},
})

describe('the order of dependencies', () => {
  test('is kept through several levels', () => {
    const plugins = [loaded('a', 'b', 'c'), loaded('b', 'c'), loaded('c'), loaded('d')]
    expect(inDependencyOrder(plugins).map(({ manifest }) => manifest.name)).toEqual(['c', 'b', 'a', 'd'])
  })

  test('one that is missing, and a circle, are named', () => {
    expect(() => inDependencyOrder([loaded('a', 'b')])).toThrow(/a depends on b/)
    expect(() => inDependencyOrder([loaded('a', 'b'), loaded('b', 'a')])).toThrow(/a -> b -> a/)
  })
})

describe('what a plugin brings', () => {
  test('is all of its tables, and no others', () => {
    const [mine, other] = [pgTable('a_word', {}), pgTable('b_word', {})]
    const declared = manifest('a', { capabilities: ['models'], tables: ['a_word'] })
    expect(undeclared(declared, { models: [mine] })).toEqual([])
    expect(undeclared(declared, { scoped_models: [scopedModel('Word', mine, { columns: {} })] })).toEqual([])
    expect(undeclared(declared, {})).toEqual(['has no model of its table a_word'])
    expect(undeclared(declared, { models: [mine, other] })).toEqual([
      'has a model of the table b_word, which is not its own',
    ])
  })

  const definition: PluginDefinition = { api: async () => undefined, seed: async () => undefined }

  test('must be in its manifest', () => {
    expect(undeclared(manifest('a', { capabilities: ['routes', 'seed'] }), definition)).toEqual([])
    expect(undeclared(manifest('a', { capabilities: ['seed', 'hooks'] }), definition)).toEqual([
      'brings routes without declaring it',
    ])
  })

  test('messages are its own, and the same in both languages', () => {
    const of = (zh: object, en: object) => ({ translations: { 'zh-CN': { ...zh }, 'en-US': { ...en } } })
    expect(undeclared(manifest('a'), of({ 'a.x': '' }, { 'a.x': '' }))).toEqual([])
    expect(undeclared(manifest('a'), of({ 'b.x': '' }, { 'b.x': '' }))).toHaveLength(1)
    expect(undeclared(manifest('a'), of({ 'a.x': '' }, { 'a.y': '' }))).toHaveLength(1)
  })
})

test('settings come from the environment, else are the default; one of another type names the variable and no value', () => {
  const declared = {
    A_TEXT: { type: 'string', default: 'x' },
    A_COUNT: { type: 'integer', default: 3 },
    A_FLAG: { type: 'boolean', default: true },
  } as const
  expect(pluginSettings('a', declared, { A_COUNT: '5', A_FLAG: 'false', A_TEXT: '' })).toEqual({
    A_TEXT: 'x',
    A_COUNT: 5,
    A_FLAG: false,
  })
  const wrong = () => pluginSettings('a', declared, { A_COUNT: 'hunter2' })
  expect(wrong).toThrow(/A_COUNT.*integer.*plugin a/)
  expect(wrong).not.toThrow(/hunter2/)
})

describe('an application with plugins', () => {
  let t: TestApp
  beforeAll(async () => {
    t = await createTestApp({}, { plugin_folder: FIXTURES })
  })
  afterAll(() => t.close())

  test('has their routes, guarded, where the manifest says: below the application, or below their own name', async () => {
    expect((await t.anonymous.get('/samples')).status).toBe(401)
    expect((await (await t.signIn('sample:add')).get('/samples')).status).toBe(403)
    const answer = await (await t.signIn('sample:get')).get('/samples')
    expect(answer.body.data).toEqual({ greeting: 'hello', names: ['first'] })
    expect((await t.anonymous.get('/addon/answers/42')).body.data).toBe('42')
    expect(t.app.pluginRoutes.get('sample')).toContainEqual({ method: 'POST', url: '/api/v1/samples/:name/copies' })
    expect(t.app.pluginRoutes.get('addon')).toContainEqual({ method: 'GET', url: '/api/v1/addon/answers/:question' })
  })

  test('has their operations, models, overrides and messages', async () => {
    expect(t.app.swagger().paths).toHaveProperty('/api/v1/samples')
    const superuser = await t.signInSuperuser()
    expect((await superuser.get('/sys/data-rules/models')).body.data).toContain('Sample')
    expect(await Promise.all(t.host.parts().overrides.map((read) => read({} as never)))).toEqual([
      { USER_LOCK_SECONDS: '77' },
    ])
    const call = () =>
      superuser.post('/samples/x/copies', { name: 'first' }, { headers: { 'accept-language': 'en-US' } })
    expect((await call()).body).toMatchObject({ code: 409, msg: 'The sample first exists already' })
  })

  test('row permissions hold for their models', async () => {
    const filtered = await t.signInAs({ permissions: ['sample:get'], rules: [] })
    expect((await filtered.get('/samples')).body.data.names).toEqual([])
  })

  test('has their menus below the parent they name', async () => {
    const rows = await t.db.select().from(menu)
    const named = (name: string) => rows.find((row) => row.name === name)
    expect(named('SamplePage')?.parent_id).toBe(named('System')?.id)
    expect(named('AddSample')?.parent_id).toBe(named('SamplePage')?.id)
  })

  test('migrating and installing again changes nothing; what is applied is told', async () => {
    expect(await migrateBuiltIns(t.host)).toEqual([])
    expect(await installBuiltIns(t.host)).toEqual([])
    expect(await builtInMigrationStatus(t.host)).toEqual([
      { name: 'sample/0000_tables', applied: true },
      { name: 'sample/0001_colour', applied: true },
    ])
    const rows = (await t.db.select().from(plugin)).filter(({ name }) => ['sample', 'addon'].includes(name))
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(row).toMatchObject({ source: 'built-in', enabled: true, digest: null })
  })

  test('a new version takes the menus along that it no longer has', async () => {
    const old = { version: '0.0.1', menu_names: ['SamplePage', 'AddSample', 'DroppedSample'] }
    await t.db.update(plugin).set(old).where(eq(plugin.name, 'sample'))
    await t.db.insert(menu).values({ title: 'Dropped', name: 'DroppedSample', type: 1 })
    const named = async () => (await t.db.select().from(menu)).map(({ name }) => name)
    expect(await named()).toContain('DroppedSample')
    expect(await installBuiltIns(t.host)).toEqual([])
    expect(await named()).not.toContain('DroppedSample')
    expect(await named()).toContain('SamplePage')
    const [row] = await t.db.select().from(plugin).where(eq(plugin.name, 'sample'))
    expect(row?.version).not.toBe('0.0.1')
    expect(row?.menu_names).not.toContain('DroppedSample')
  })

  test('without them their routes are 404, and of one that is disabled the answer says so', async () => {
    const [sample] = t.host.built_ins
    const routes = t.app.pluginRoutes.get('sample') ?? []
    const set = { version: 2, enabled: [], disabled: [{ name: 'sample', routes, menu_names: ['SamplePage'] }] }
    const app = await buildApp(t.host, undefined, set)
    await app.ready()
    const caller = callerOf(() => app, { 'accept-language': 'en-US' })
    expect(sample?.manifest.name).toBe('sample')
    expect((await caller.get('/samples')).body).toMatchObject({ code: 404, msg: 'The plugin sample is disabled' })
    expect((await caller.post('/samples/x/copies?a=1')).body.msg).toBe('The plugin sample is disabled')
    expect((await caller.get('/samples/x/copies')).body.msg).toBe('No such path')
    expect((await caller.get('/addon/answers/1')).body.msg).toBe('No such path')
    expect(app.swagger().paths).not.toHaveProperty('/api/v1/samples')
    await app.close()
  })
})
