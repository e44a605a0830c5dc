import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pluginWith } from '#backend/core/plugin/install/tests/plugin-files'
import { writeFiles } from '#backend/core/plugin/install/tests/staged-files'
import { type Database, openDatabase } from '#backend/database/db'
import { type Ended, makeFolder, runCli } from '#backend/tests/process/spawned'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

const TIMEOUT_MS = 180_000
const made = makeFolder()
let database: TestDatabase
let db: Database

beforeAll(async () => {
  database = await createTestDatabase()
  db = openDatabase({ url: database.url, time_zone: 'Asia/Shanghai', pool_size: 1 })
})
afterAll(async () => {
  await db.close()
  await database.drop()
  made.remove()
})

const plugin = (...args: string[]): Promise<Ended> =>
  runCli(['plugin', ...args], made.path, { DATABASE_URL: database.url, DATA_DIR: join(made.path, 'data') })
const hasTable = async (): Promise<boolean> => {
  const [row] = await db.sql<{ there: boolean }[]>`select to_regclass('greeting_word') is not null as there`
  return row?.there === true
}

test(
  'a plugin is added, listed, put out of use and into use again, and removed with its rows kept',
  async () => {
    const folder = join(made.path, 'greeting')
    writeFiles(folder, pluginWith())
    expect(await plugin('add', folder)).toMatchObject({ code: 0, stdout: 'greeting 1.0.0 is installed and enabled\n' })
    expect(await hasTable()).toBe(true)
    expect((await plugin('list')).stdout).toContain('greeting  1.0.0  zip  enabled\n')
    expect(await plugin('disable', 'greeting')).toMatchObject({ code: 0, stdout: 'greeting is disabled\n' })
    expect(await plugin('disable', 'greeting')).toMatchObject({ code: 0, stdout: 'greeting was disabled\n' })
    expect(await plugin('enable', 'greeting')).toMatchObject({ code: 0, stdout: 'greeting is enabled\n' })
    expect(await plugin('remove', 'greeting')).toMatchObject({ code: 1, stderr: expect.stringContaining('--yes') })
    const removed = await plugin('remove', 'greeting', '--yes')
    expect(removed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^greeting is uninstalled\nThe rows .*dumps/),
    })
    expect(await hasTable()).toBe(false)
    const dumps = join(made.path, 'data', 'plugins', 'dumps')
    expect(readdirSync(join(dumps, readdirSync(dumps)[0] ?? '')).sort()).toEqual([
      'dump.json',
      'greeting_word.jsonl.gz',
    ])
  },
  TIMEOUT_MS,
)

/** As when a module that it imports has been moved by an upgrade. */
function breakUnpacked(): void {
  const folder = join(made.path, 'data', 'plugins')
  for (const name of readdirSync(folder))
    if (name.startsWith('greeting-'))
      writeFileSync(join(folder, name, 'plugin.mjs'), "throw new Error('a module was moved')\n")
}

test(
  'one that no longer loads cannot be enabled, but put out of use and removed',
  async () => {
    const folder = join(made.path, 'broken')
    writeFiles(folder, pluginWith())
    expect(await plugin('add', folder)).toMatchObject({ code: 0 })
    breakUnpacked()
    expect(await plugin('disable', 'greeting')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Not tried, .*moved.*\ngreeting is disabled\n$/),
    })
    expect(await plugin('enable', 'greeting')).toMatchObject({ code: 1, stderr: expect.stringContaining('moved') })
    expect(await plugin('remove', 'greeting', '--yes')).toMatchObject({ code: 0 })
    expect(await plugin('add', folder)).toMatchObject({ code: 0 })
    breakUnpacked()
    expect(await plugin('remove', 'greeting', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('greeting is uninstalled\nThe rows'),
    })
    expect(await hasTable()).toBe(false)
    expect((await plugin('list')).stdout).not.toContain('greeting')
  },
  TIMEOUT_MS,
)

test(
  'one that fails is told in one line, and leaves nothing',
  async () => {
    const folder = join(made.path, 'failing')
    writeFiles(folder, pluginWith({ 'plugin.ts': "throw new Error('no luck')\nexport const plugin = {}" }))
    const { code, stderr } = await plugin('add', folder)
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: [^\n]*no luck\n$/) })
    expect(await hasTable()).toBe(false)
    expect((await plugin('list')).stdout).not.toContain('greeting')
    expect(readdirSync(join(made.path, 'data', 'plugins', 'staging'))).toEqual([])
    for (const args of [
      ['add', 'nowhere'],
      ['enable', 'nobody'],
      ['remove', 'nobody', '--yes'],
    ])
      expect(await plugin(...args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: [^\n]+\n$/) })
    expect(existsSync(join(made.path, 'nowhere'))).toBe(false)
  },
  TIMEOUT_MS,
)
