import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { mayImportOwn, mayImportPackage, mayImportProduct } from '#backend/core/plugin/install/import-rules'
import { productPackages } from '#backend/core/plugin/install/product'

interface Rule {
  name: string
  from: { path?: string; pathNot?: string | string[] }
  to: { path?: string | string[]; pathNot?: string | string[]; dependencyTypesNot?: string[]; reachable?: boolean }
}

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url))
const { forbidden } = createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')) as { forbidden: Rule[] }
const RULES = forbidden.filter(
  ({ from, to }) => from.path !== undefined && to.path !== undefined && to.reachable === undefined,
)

const matches = (patterns: string | string[] | undefined, path: string) =>
  [patterns ?? []].flat().some((pattern) => new RegExp(pattern).test(path))

/** What the architecture rules say of an import of a value. */
function violated(from: string, to: string): string[] {
  return RULES.filter((rule) => {
    const match = new RegExp(rule.from.path ?? '').exec(from)
    if (match === null || matches(rule.from.pathNot, from)) return false
    const filled = (patterns: string | string[] | undefined) =>
      patterns === undefined ? undefined : [patterns].flat().map((one) => one.replaceAll('$1', match[1] ?? ''))
    return matches(filled(rule.to.path), to) && !matches(filled(rule.to.pathNot), to)
  }).map(({ name }) => name)
}

const FROM = [
  'api/a.api.ts',
  'schema/a.schema.ts',
  'service/a.service.ts',
  'crud/a.crud.ts',
  'model/a.model.ts',
  'plugin.ts',
]
const modules = readdirSync(join(ROOT, 'backend'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
  .map((entry) => relative(join(ROOT, 'backend'), join(entry.parentPath, entry.name)))
  .filter((path) => !path.startsWith('plugin/'))

test('what an installed plugin may import, one that ships with the product may', () => {
  let allowed = 0
  for (const from of FROM)
    for (const path of modules) {
      if (!mayImportProduct(from, path.slice(0, -'.ts'.length), [])) continue
      allowed += 1
      expect({ from, path, rules: violated(`backend/plugin/mine/${from}`, `backend/${path}`) }).toMatchObject({
        rules: [],
      })
    }
  expect(allowed).toBeGreaterThan(100)
})

test('the same of its own layers', () => {
  for (const from of FROM)
    for (const to of FROM)
      if (mayImportOwn(from, to))
        expect({ from, to, rules: violated(`backend/plugin/mine/${from}`, `backend/plugin/mine/${to}`) }).toMatchObject(
          {
            rules: [],
          },
        )
})

test('the same of packages', async () => {
  for (const from of FROM)
    for (const name of await productPackages())
      if (mayImportPackage(from, name))
        expect(violated(`backend/plugin/mine/${from}`, `node_modules/${name}/index.js`)).toEqual([])
})

test('what a plugin needs in each layer it may import', () => {
  const needed: [string, string][] = [
    ['api/a.api.ts', 'common/envelope'],
    ['schema/a.schema.ts', 'common/schema'],
    ['service/a.service.ts', 'core/ctx'],
    ['service/a.service.ts', 'app/admin/service/user.service'],
    ['crud/a.crud.ts', 'common/filters'],
    ['model/a.model.ts', 'database/columns'],
    ['plugin.ts', 'core/plugin/definition'],
  ]
  for (const [from, to] of needed) expect([from, to, mayImportProduct(from, to, [])]).toEqual([from, to, true])
  expect(mayImportProduct('service/a.service.ts', 'plugin/dict/service/dict.service', ['dict'])).toBe(true)
  expect(mayImportProduct('service/a.service.ts', 'plugin/dict/crud/dict.crud', ['dict'])).toBe(false)
  expect(mayImportProduct('service/a.service.ts', 'plugin/dict/service/dict.service', [])).toBe(false)
  expect(mayImportProduct('api/a.api.ts', 'plugin/dict/service/dict.service', ['dict'])).toBe(false)
})
