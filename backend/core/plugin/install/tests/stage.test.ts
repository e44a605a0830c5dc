import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Refusal } from '#backend/common/errors'
import { type PluginFiles, readArchive, writeArchive } from '#backend/core/plugin/install/archive'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { SMOKE_LIMITS } from '#backend/core/plugin/install/limits'
import { loadInstalled, removeUnpacked } from '#backend/core/plugin/install/load'
import { stagePlugin } from '#backend/core/plugin/install/stage'
import { downloadOf, readStored } from '#backend/core/plugin/install/stored-archive'
import { HOSTILE_ARCHIVES } from '#backend/core/plugin/install/tests/hostile-archives'
import { type HostilePlugin, OF_SHIPPED, TRIED, UNSOUND } from '#backend/core/plugin/install/tests/hostile-plugins'
import { pluginWith } from '#backend/core/plugin/install/tests/plugin-files'
import { factsOf } from '#backend/core/plugin/install/tests/test-facts'
import { LOCALES, translate } from '#backend/locale/translate'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

const root = mkdtempSync(join(tmpdir(), 'fba-stage-'))
const data_dir = join(root, 'data')
const LIMITS = { ...SMOKE_LIMITS, load_ms: 6000 }
let testApp: TestApp
let administrator: SignedIn
let facts: CoreFacts
let before: string[]

beforeAll(async () => {
  testApp = await createTestApp({}, { plugin_folder: PLUGIN_FIXTURES })
  administrator = await testApp.signInSuperuser()
  facts = await factsOf(testApp, 'greeting')
  writeFileSync(join(root, 'sentinel.txt'), 'as it was')
  await stage(pluginWith())
})
afterAll(async () => {
  await testApp.close()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => {
  before = everything()
})

/** Every file and folder that a plugin could have touched, with what is in it. */
function everything(): string[] {
  const below = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return `${path} ${entry.isFile() ? readFileSync(path, 'utf8') : 'folder'}`
  })
  const product = ['backend', 'backend/core', 'backend/plugin', 'drizzle'].map((path) => {
    const found = statSync(path, { throwIfNoEntry: false })
    return `${path} ${found?.mtimeMs}`
  })
  return [...below, ...product].sort()
}

const stage = (files: PluginFiles, public_keys: string[] = []) =>
  stagePlugin(files, { facts, data_dir, public_keys, limits: LIMITS })

/** As an administrator would send it. */
async function refusalOf(zip: Buffer): Promise<Refusal> {
  const read = () => readArchive(zip, { bytes_max: 5 * 1024 * 1024 })
  const outcome = await read()
    .then((files) => stage(files))
    .catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error('not refused', { cause: outcome })
  for (const locale of LOCALES) expect(translate(locale, outcome.key, outcome.params)).not.toMatch(/\{[a-z_]+\}|\p{C}/u)
  return outcome
}

async function expectRefused([, changes, reason]: HostilePlugin): Promise<void> {
  const { key, params, status } = await refusalOf(writeArchive(pluginWith(changes)))
  const told = [key.replace('plugin.install.', ''), ...Object.values(params)].join(' ')
  expect(told.slice(0, reason.length)).toBe(reason)
  expect([400, 409]).toContain(status)
  expect(everything()).toEqual(before)
}

describe('nothing is left, and the reason is told, of a plugin that', () => {
  test.each([...UNSOUND, ...OF_SHIPPED])('%s', async (...plugin) => expectRefused(plugin))
  test.each(TRIED)('%s', async (...plugin) => expectRefused(plugin))
})

test('of every hostile archive nothing is written, and the core answers all the while', async () => {
  const archives = Object.entries(HOSTILE_ARCHIVES)
  expect(archives.length).toBeGreaterThanOrEqual(30)
  for (const [, make] of archives) {
    const { zip, key } = make()
    expect((await refusalOf(zip)).key).toBe(key)
    expect((await administrator.get('/sys/depts')).status).toBe(200)
  }
  expect(everything()).toEqual(before)
})

test('while plugins throw, hang and leak, the core answers every request', async () => {
  const wanted = ['throws when it is loaded', 'hangs', 'leaks a timer', 'shadows a route']
  const attempts = TRIED.filter(([what]) => wanted.includes(what)).map((plugin) =>
    refusalOf(writeArchive(pluginWith(plugin[1]))),
  )
  expect(attempts).toHaveLength(4)
  let going = true
  const done = Promise.all(attempts).finally(() => {
    going = false
  })
  const statuses: number[] = []
  while (going) statuses.push((await administrator.get('/sys/depts')).status)
  await done
  expect(statuses.length).toBeGreaterThan(100)
  expect(new Set(statuses)).toEqual(new Set([200]))
})

describe('a sound plugin', () => {
  test('is staged with all that installing it needs, and leaves no file', async () => {
    const staged = await stage(pluginWith())
    expect(staged.manifest.name).toBe('greeting')
    expect(staged.migrations.map(({ name }) => name)).toEqual(['0000_words'])
    expect(staged.report.routes.map(({ method }) => method).sort()).toEqual(['GET', 'HEAD'])
    expect(staged.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(everything()).toEqual(before)
  })

  test('is stored with what was tried, and downloaded as it was', async () => {
    const files = pluginWith()
    const { archive, digest } = await stage(files)
    expect(readStored(archive, digest).bundle).toContain('greeting_word')
    const again = await readArchive(downloadOf(archive, digest), { bytes_max: 1e6 })
    expect([...again.keys()].sort()).toEqual([...files.keys()].sort())
    expect(again.get('plugin.ts')).toEqual(files.get('plugin.ts'))
    expect(() => readStored(archive, '0'.repeat(64))).toThrow(/does not match/)
  })

  test('is loaded once, by whichever asks first, as one module', async () => {
    const { archive, digest } = await stage(pluginWith())
    const installed = { name: 'greeting', digest, archive }
    const [one, other] = await Promise.all([loadInstalled(installed, data_dir), loadInstalled(installed, data_dir)])
    expect(one).toBe(other)
    expect(one.menus?.map(({ name }) => name)).toEqual(['Greeting'])
    expect(one.api).toBeTypeOf('function')
    expect(readdirSync(join(data_dir, 'plugins', 'staging'))).toEqual([])
    await removeUnpacked('greeting', data_dir)
    expect(readdirSync(join(data_dir, 'plugins'))).toEqual(['staging'])
  })
})
