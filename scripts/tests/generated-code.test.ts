import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { binOf, copyRepository, fbaPlugin, newResource, RESOURCE_FILES, runNode } from './copy.js'
import { cruiseWith, told } from './cruise.js'

// What the generators have written, in one copy: each of these checks reads the whole repository.

const PLUGIN = 'backend/plugin/hello_world'
const WRITTEN = [...RESOURCE_FILES, 'backend/app/admin/app.ts', PLUGIN]

const copy = copyRepository()
const succeeds = async (args: string[]) => expect(await runNode(copy.path, args)).toMatchObject({ code: 0 })
beforeAll(async () => {
  expect(await newResource(copy.path, 'project-task')).toMatchObject({ code: 0 })
  expect(await fbaPlugin(copy.path, 'new', 'hello_world')).toMatchObject({ code: 0 })
}, 60_000)
afterAll(() => copy.remove())

test('drizzle-kit writes the migration of a new resource', async () => {
  const before = readdirSync(join(copy.path, 'drizzle'))
  await succeeds(['--conditions=source', binOf('drizzle-kit'), 'generate', '--name', 'project_task'])
  const added = readdirSync(join(copy.path, 'drizzle')).filter((name) => !before.includes(name))
  expect(added).toEqual([expect.stringMatching(/^\d{4}_project_task\.sql$/)])
  const migration = readFileSync(join(copy.path, `drizzle/${added[0]}`), 'utf8')
  expect(migration).toContain('CREATE TABLE "sys_project_task"')
  expect(migration).not.toMatch(/\b(ALTER|DROP)\b/)
})

test('a new resource and a new plugin pass the checks of format, lint, types and architecture', async () => {
  await succeeds([binOf('@biomejs/biome', 'biome'), 'check', ...WRITTEN])
  await succeeds([binOf('oxlint'), '--type-aware', '--deny-warnings', ...WRITTEN])
  await succeeds([binOf('typescript', 'tsc'), '--noEmit'])
  const result = await cruiseWith(copy.path, ['backend'], { preserveSymlinks: true })
  const modules = result.modules.map(({ source }) => source)
  expect(modules).toEqual(expect.arrayContaining([...RESOURCE_FILES]))
  expect(modules.filter((name) => name.startsWith(PLUGIN)).length).toBeGreaterThan(6)
  expect(told(result)).toEqual([])
})

test('their tests pass on the migrated database, and so does that of row scopes', async () => {
  const test_files = [RESOURCE_FILES.at(-1) ?? '', PLUGIN, 'backend/tests/scoped-crud.test.ts']
  const { code, output } = await runNode(copy.path, [binOf('vitest'), 'run', '--project', 'backend', ...test_files])
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/Test Files .*3 passed/) })
})
