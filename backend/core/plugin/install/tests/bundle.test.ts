import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { getTableName } from 'drizzle-orm'
import { afterEach, expect, test } from 'vitest'
import { NotFound, Refusal } from '#backend/common/errors'
import { bundle, link } from '#backend/core/plugin/install/bundle'
import { pluginWith } from '#backend/core/plugin/install/tests/plugin-files'
import { writeFiles } from '#backend/core/plugin/install/tests/staged-files'
import { openDatabase } from '#backend/database/db'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function staged(changes: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fba-bundle-'))
  folders.push(folder)
  return writeFiles(folder, pluginWith(changes))
}

function compile(changes: Readonly<Record<string, string>> = {}, depends_on: string[] = []): Promise<string> {
  const folder = staged(changes)
  return bundle({ folder, manifest: { name: 'greeting', depends_on }, packages: new Set(['tiny']) })
}

async function refusalOf(changes: Readonly<Record<string, string>>): Promise<{ key: string; params: object }> {
  const outcome = await compile(changes).catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error('not refused', { cause: outcome })
  return { key: outcome.key.replace('plugin.install.', ''), params: outcome.params }
}

test('a plugin shares the modules and packages of the product that loads it', async () => {
  const text = await compile({
    'plugin.ts': `export { NotFound } from '#backend/common/errors'
export { openDatabase } from '#backend/database/db'
export { getTableName } from 'drizzle-orm'
`,
  })
  expect(text).not.toContain(process.cwd())
  const file = join(staged({}), 'plugin.mjs')
  writeFileSync(file, link(text))
  const loaded = await import(pathToFileURL(file).href)
  expect(loaded.NotFound).toBe(NotFound)
  expect(loaded.openDatabase).toBe(openDatabase)
  expect(loaded.getTableName).toBe(getTableName)
})

test('its own files are taken in, by their full or relative names, and its types are gone', async () => {
  const text = await compile()
  expect(text).toContain('greeting_word')
  expect(text).not.toContain('core/app')
  expect(text).not.toContain('#backend/plugin/greeting')
})

test('its own packages are taken in, those of the product never', async () => {
  const text = await compile({
    'plugin.ts': "export { tiny } from 'tiny'\nexport { z } from 'zod'\n",
    'node_modules/tiny/package.json': '{"name":"tiny","version":"1.0.0","main":"index.js"}',
    'node_modules/tiny/index.js': "exports.tiny = require('fs').sep + 'tiny'",
    'node_modules/zod/package.json': '{"name":"zod","version":"0.0.1","main":"index.js"}',
    'node_modules/zod/index.js': "exports.z = 'another zod'",
  })
  expect(text).not.toContain('another zod')
  const file = join(staged({}), 'plugin.mjs')
  writeFileSync(file, link(text))
  expect((await import(pathToFileURL(file).href)).tiny).toMatch(/.tiny$/)
})

const api = (code: string) => ({ 'api/greeting.api.ts': `${code}\nexport const greetingApi = async () => x` })
const service = (code: string) => ({ 'service/greeting.service.ts': `${code}\nexport const list = () => x` })

test.each([
  [
    'a module of a layer it is not of',
    api("import * as x from '#backend/plugin/greeting/crud/word.crud'"),
    'import_layer',
  ],
  ['the same by a relative path', api('import * as x from "../crud/word.crud.js"'), 'import_layer'],
  ['the database from a service', service("import * as x from '#backend/database/db'"), 'import_layer'],
  ['a query builder in a service', service("import * as x from 'drizzle-orm'"), 'import_layer'],
  ['the crud of an application', service("import * as x from '#backend/app/admin/crud/user.crud'"), 'import_layer'],
  ['the edge of the process', { 'plugin.ts': "export * from '#backend/server'" }, 'import_layer'],
  ['commands', { 'plugin.ts': "export * from '#backend/scripts/serve'" }, 'import_layer'],
  ['tests of the product', { 'plugin.ts': "export * from '#backend/tests/harness'" }, 'import_layer'],
  [
    'the plugins of others',
    { 'plugin.ts': "export * from '#backend/plugin/dict/service/dict.service'" },
    'import_layer',
  ],
  ['the machinery of plugins', { 'plugin.ts': "export * from '#backend/core/plugin/install/stage'" }, 'import_layer'],
  ['a module that is not there', { 'plugin.ts': "export * from '#backend/common/nothing'" }, 'import_unknown'],
  ['a path out of the product', { 'plugin.ts': "export * from '#backend/common/../../../secret'" }, 'import_unknown'],
  ['a path out of the plugin', { 'plugin.ts': 'export * from "../../../../etc/passwd"' }, 'import_unknown'],
  ['an absolute path', { 'plugin.ts': "export * from '/etc/passwd'" }, 'import_unknown'],
  ['an address', { 'plugin.ts': "export * from 'https://example.com/x.js'" }, 'import_unknown'],
  ['code in an address', { 'plugin.ts': "export * from 'data:text/javascript,export{}'" }, 'import_unknown'],
  ['a place in a bundle', { 'plugin.ts': "export * from 'fba-link:#backend/server'" }, 'import_unknown'],
  ['a package that nobody brings', { 'plugin.ts': "export * from 'left-pad'" }, 'import_unknown'],
  ['a package that only the tools need', { 'plugin.ts': "export * from 'vitest'" }, 'import_unknown'],
  ['a package beside the product, not its own', { 'plugin.ts': "export * from 'tiny'" }, 'import_unknown'],
  ['other programs', { 'plugin.ts': "export * from 'node:child_process'" }, 'import_forbidden'],
  ['the loader', { 'plugin.ts': "export * from 'module'" }, 'import_forbidden'],
  ['what is computed', { 'plugin.ts': "const n = 'node:' + 'vm'\nexport const x = import(n)" }, 'import_computed'],
  [
    'what is computed, in the old way',
    { 'plugin.ts': 'export const x = (n: string) => require(n)' },
    'import_computed',
  ],
])('an import is refused of %s', async (_, changes, key) => {
  const refusal = await refusalOf(changes)
  expect(refusal).toEqual({ key, params: { file: Object.keys(changes)[0], import: expect.stringMatching(/./) } })
})

test('a mistake in the source is told with its place', async () => {
  expect(await refusalOf({ 'plugin.ts': 'export const plugin = {\n' })).toEqual({
    key: 'compile_failed',
    params: { reason: expect.stringMatching(/^plugin\.ts:2: /) },
  })
})
