import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { binOf, copyRepository, runNode } from './copy.js'
import { cruiseWith, told } from './cruise.js'

const FILES = [
  'backend/app/admin/api/v1/sys/project-task.api.ts',
  'backend/app/admin/crud/project-task.crud.ts',
  'backend/app/admin/model/project-task.model.ts',
  'backend/app/admin/schema/project-task.schema.ts',
  'backend/app/admin/service/project-task.service.ts',
  'backend/app/admin/tests/project-task.api.test.ts',
]
const APP = 'backend/app/admin/app.ts'

const copy = copyRepository()
afterAll(() => copy.remove())

const read = (path: string) => readFileSync(join(copy.path, path), 'utf8')
const create = (...names: string[]) => runNode(copy.path, ['--import', 'tsx', 'scripts/resource-new.ts', ...names])
const succeeds = async (args: string[]) => expect(await runNode(copy.path, args)).toMatchObject({ code: 0 })

describe('npm run resource:new', () => {
  test('writes six files and one line', async () => {
    const before = read(APP).split('\n')
    const { code, output } = await create('project-task')
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('db:generate') })
    for (const file of FILES) expect(output).toContain(`written  ${file}`)
    expect(FILES.map(read).join('')).not.toMatch(/__\w+__/)
    const added = read(APP)
      .split('\n')
      .filter((line) => !before.includes(line))
    expect(added).toEqual([
      "import { projectTaskApi } from '#backend/app/admin/api/v1/sys/project-task.api'",
      "import { projectTaskScoped } from '#backend/app/admin/model/project-task.model'",
      "  { prefix: '/sys/project-tasks', api: projectTaskApi, scoped: projectTaskScoped },",
    ])
  })

  test('overwrites nothing, and refuses what is no name', async () => {
    const before = [...FILES, APP].map(read)
    for (const names of [['project-task'], ['Project'], ['../x'], ['class'], ['user'], ['count'], [], ['a', 'b']])
      expect(await create(...names)).toMatchObject({ code: 1, output: expect.stringMatching(/^[^\n]+\n$/) })
    expect([...FILES, APP].map(read)).toEqual(before)
  })

  test('drizzle-kit writes the migration of its table', async () => {
    const before = readdirSync(join(copy.path, 'drizzle'))
    await succeeds(['--conditions=source', binOf('drizzle-kit'), 'generate', '--name', 'project_task'])
    const added = readdirSync(join(copy.path, 'drizzle')).filter((name) => !before.includes(name))
    expect(added).toEqual([expect.stringMatching(/^\d{4}_project_task\.sql$/)])
    const migration = read(`drizzle/${added[0]}`)
    expect(migration).toContain('CREATE TABLE "sys_project_task"')
    expect(migration).not.toMatch(/\b(ALTER|DROP)\b/)
  })

  test('what it wrote passes the checks of format, lint, types and architecture', async () => {
    await succeeds([binOf('@biomejs/biome', 'biome'), 'check', ...FILES, APP])
    await succeeds([binOf('oxlint'), '--type-aware', '--deny-warnings', ...FILES, APP])
    await succeeds([binOf('typescript', 'tsc'), '--noEmit'])
    const result = await cruiseWith(copy.path, ['backend'], { preserveSymlinks: true })
    expect(result.modules.map(({ source }) => source)).toEqual(expect.arrayContaining(FILES))
    expect(told(result)).toEqual([])
  })

  test('the test it wrote passes on the migrated database, and so does that of row scopes', async () => {
    const test_files = [FILES.at(-1) ?? '', 'backend/tests/scoped-crud.test.ts']
    const { code, output } = await runNode(copy.path, [binOf('vitest'), 'run', '--project', 'backend', ...test_files])
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/Test Files .*2 passed/) })
  })
})
