import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cruiseWith, RULES, told } from './cruise.js'
import { filesBelow, ROOT } from './repository.js'

describe('the table of who may import whom', () => {
  test('holds for every file of backend and scripts', async () => {
    const result = await cruiseWith(ROOT, ['backend', 'scripts'])
    const cruised = result.modules.map(({ source }) => source).filter((path) => /^backend\/.*\.ts$/.test(path))
    // With an unsupported TypeScript the cruiser sees no module, and finds nothing wrong.
    expect(cruised.sort()).toEqual(filesBelow('backend', '.ts'))
    expect(cruised.length).toBeGreaterThan(40)
    const edges = result.modules.flatMap(({ source, dependencies }) =>
      dependencies.filter(({ resolved }) => source.startsWith('backend/') && resolved.startsWith('backend/')),
    )
    expect(edges.length).toBeGreaterThan(cruised.length)
    expect(told(result)).toEqual([])
  })

  test('a service takes nothing from a model but types and the declaration of its row scope', () => {
    const wrong = filesBelow('backend', '.service.ts').flatMap((path) =>
      valuesImported(read(path), /\/model\//)
        .filter((name) => !name.endsWith('Scoped'))
        .map((name) => `${path}: ${name}`),
    )
    expect(wrong).toEqual([])
  })

  test('only core/config.ts reads the environment', () => {
    const readers = filesBelow('backend', '.ts').filter(
      (path) => !/(^|\/)tests\//.test(path) && /process\s*\.\s*env|\benv\b[^\n]*from 'node:process'/.test(read(path)),
    )
    expect(readers).toEqual(['backend/core/config.ts'])
  })

  test('own code is always imported as #backend/..., without extension', () => {
    const wrong = filesBelow('backend', '.ts').flatMap((path) =>
      specifiers(read(path))
        .filter((name) => name.startsWith('.') || (name.startsWith('#') && !/^#backend\/[\w./-]+$/.test(name)))
        .concat(specifiers(read(path)).filter((name) => /^#.*\.[jt]s$/.test(name)))
        .map((name) => `${path}: ${name}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('the rules themselves', () => {
  const fixture = mkdtempSync(join(tmpdir(), 'fba-rules-'))
  afterAll(() => rmSync(fixture, { recursive: true, force: true }))

  test('each of them sees a planted violation', async () => {
    plant(fixture, VIOLATIONS)
    const result = await cruiseWith(fixture, ['backend', 'scripts'], { preserveSymlinks: true })
    const seen = new Set(result.summary.violations.map(({ rule }) => rule.name))
    expect([...seen].sort()).toEqual([...new Set((RULES.forbidden ?? []).map(({ name }) => name))].sort())
  })

  test('a plugin uses services and models of what its manifest depends on, and nothing else of other plugins', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fba-plugins-'))
    try {
      plant(folder, {
        'backend/plugin/shop/plugin.ts': [
          '#backend/plugin/shop/service/shop.service',
          '#backend/plugin/stock/api/stock.api',
          '#backend/app/admin/crud/user.crud',
        ],
        'backend/plugin/shop/service/shop.service.ts': [
          '#backend/plugin/stock/service/stock.service',
          '#backend/plugin/mail/service/mail.service',
          '#backend/app/admin/service/user.service',
        ],
        'backend/plugin/stock/plugin.ts': ['#backend/plugin/stock/api/stock.api'],
        'backend/plugin/stock/api/stock.api.ts': [],
        'backend/plugin/stock/service/stock.service.ts': ['#backend/plugin/shop/service/shop.service'],
        'backend/plugin/mail/plugin.ts': ['#backend/plugin/mail/service/mail.service'],
        'backend/plugin/mail/service/mail.service.ts': [],
        'backend/plugin/mail/service/forgotten.ts': [],
        'backend/app/admin/service/user.service.ts': ['#backend/app/admin/crud/user.crud'],
        'backend/app/admin/crud/user.crud.ts': [],
      })
      writeFileSync(join(folder, 'backend/plugin/shop/plugin.json'), JSON.stringify({ depends_on: ['stock'] }))
      const result = await cruiseWith(folder, ['backend'], { preserveSymlinks: true })
      expect(told(result).filter((line) => !line.startsWith('cycle'))).toEqual([
        'other-plugin: backend/plugin/shop/plugin.ts -> backend/plugin/stock/api/stock.api.ts',
        'other-plugin: backend/plugin/shop/service/shop.service.ts -> backend/plugin/mail/service/mail.service.ts',
        'other-plugin: backend/plugin/stock/service/stock.service.ts -> backend/plugin/shop/service/shop.service.ts',
        'plugin-to-app: backend/plugin/shop/plugin.ts -> backend/app/admin/crud/user.crud.ts',
        'unused: backend/plugin/mail/service/forgotten.ts -> backend/plugin/mail/service/forgotten.ts',
      ])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('the checks of this file see what they look for', () => {
    const source = `import { type A, user, userScoped } from '#backend/app/admin/model/user.model'`
    expect(valuesImported(source, /\/model\//)).toEqual(['user', 'userScoped'])
    expect(specifiers(`import a from './a'\nawait import('#backend/b.ts')`)).toEqual(['./a', '#backend/b.ts'])
  })
})

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

function specifiers(source: string): string[] {
  return [...source.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g)].map((match) => match[1] ?? '')
}

/** Names that a file imports as values from modules that match. */
function valuesImported(source: string, module: RegExp): string[] {
  return [...source.matchAll(/import\s+(type\s+)?\{([^}]*)\}\s+from\s+'([^']+)'/g)]
    .filter(([, typeOnly, , from]) => typeOnly === undefined && module.test(from ?? ''))
    .flatMap(([, , names]) => (names ?? '').split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '))
}

/** One file for each rule, or more, that breaks it. */
const VIOLATIONS: Record<string, string[]> = {
  'backend/main.ts': ['#backend/server'],
  'backend/server.ts': ['#backend/app/admin/api/a.api', '#backend/database/db', 'nowhere-to-be-found'],
  'backend/cli.ts': ['pino'],
  'backend/database/db.ts': ['vitest', 'semver'],
  'backend/core/unused.ts': [],
  'backend/core/app.ts': ['#backend/app/admin/service/a.service', '#backend/server'],
  'backend/utils/u.ts': ['#backend/core/app', '#backend/plugin/p/service/p.service'],
  'backend/common/c.ts': ['#backend/common/d', '#backend/tests/t', '#scripts/tool'],
  'backend/common/d.ts': ['#backend/common/c'],
  'backend/tests/t.ts': [],
  'backend/plugin/p/service/p.service.ts': ['#backend/plugin/q/service/q.service'],
  'backend/plugin/p/plugin.ts': ['#backend/app/admin/crud/a.crud'],
  'backend/plugin/q/service/q.service.ts': ['node:fs'],
  'backend/app/other/crud/o.crud.ts': [],
  'backend/app/admin/api/a.api.ts': ['#backend/app/admin/crud/a.crud', 'drizzle-orm', '#backend/app/other/crud/o.crud'],
  'backend/app/admin/schema/a.schema.ts': ['#backend/app/admin/crud/a.crud', 'drizzle-orm'],
  'backend/app/admin/service/a.service.ts': [
    '#backend/app/admin/schema/a.schema',
    '#backend/database/db',
    'drizzle-orm',
  ],
  'backend/app/admin/crud/a.crud.ts': ['#backend/app/admin/service/a.service', 'fastify', '#backend/core/app'],
  'backend/app/admin/model/a.model.ts': ['#backend/app/admin/crud/a.crud', 'zod'],
  'scripts/tool.ts': ['#backend/server'],
}

function plant(folder: string, files: Record<string, string[]>): void {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
  const imports = { '#backend/*': { source: './backend/*.ts' }, '#scripts/*': { source: './scripts/*.ts' } }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'planted', type: 'module', imports, dependencies, devDependencies }),
  )
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const [path, imported] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    const lines = imported.map((name, index) => `import * as x${index} from '${name}'\nconsole.log(x${index})\n`)
    writeFileSync(join(folder, path), `${lines.join('')}export {}\n`)
  }
}
