import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { copyRepository, newResource, RESOURCE_FILES } from './copy.js'

const APP = 'backend/app/admin/app.ts'

const copy = copyRepository()
afterAll(() => copy.remove())

const read = (path: string) => readFileSync(join(copy.path, path), 'utf8')
const create = (...names: string[]) => newResource(copy.path, ...names)

describe('npm run resource:new', () => {
  test('writes six files and one line', async () => {
    const before = read(APP).split('\n')
    const { code, output } = await create('project-task')
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('db:generate') })
    for (const file of RESOURCE_FILES) expect(output).toContain(`written  ${file}`)
    expect(RESOURCE_FILES.map(read).join('')).not.toMatch(/__\w+__/)
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
    const before = [...RESOURCE_FILES, APP].map(read)
    for (const names of [['project-task'], ['Project'], ['../x'], ['class'], ['user'], ['count'], [], ['a', 'b']])
      expect(await create(...names)).toMatchObject({ code: 1, output: expect.stringMatching(/^[^\n]+\n$/) })
    expect([...RESOURCE_FILES, APP].map(read)).toEqual(before)
  })
})
