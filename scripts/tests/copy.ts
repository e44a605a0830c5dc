import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { ROOT } from './repository.js'

/** What a clone does not have. */
const LEFT_OUT = new Set(['.git', '.data', 'coverage', 'dist', 'node_modules', '.env'])

export interface Copy {
  path: string
  remove: () => void
}

/** The repository as it is now, in a folder of its own, with the packages installed here. */
export function copyRepository(): Copy {
  const path = mkdtempSync(join(tmpdir(), 'fba-copy-'))
  cpSync(ROOT, path, {
    recursive: true,
    filter: (source) => !LEFT_OUT.has(relative(ROOT, source).split(sep)[0] ?? ''),
  })
  symlinkSync(join(ROOT, 'node_modules'), join(path, 'node_modules'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

export interface Ran {
  code: number | null
  output: string
}

/** Runs a program of Node to its end. Without `env`, in the environment of the test. */
export async function runNode(cwd: string, args: readonly string[], env: object = {}): Promise<Ran> {
  return run(cwd, process.execPath, args, env)
}

export async function run(cwd: string, command: string, args: readonly string[], env: object = {}): Promise<Ran> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** What `npm run resource:new -- project-task` writes. */
export const RESOURCE_FILES: readonly string[] = [
  'backend/app/admin/api/v1/sys/project-task.api.ts',
  'backend/app/admin/crud/project-task.crud.ts',
  'backend/app/admin/model/project-task.model.ts',
  'backend/app/admin/schema/project-task.schema.ts',
  'backend/app/admin/service/project-task.service.ts',
  'backend/app/admin/tests/project-task.api.test.ts',
]

export const newResource = (cwd: string, ...names: string[]): Promise<Ran> =>
  runNode(cwd, ['--import', 'tsx', 'scripts/resource-new.ts', ...names])

export const fbaPlugin = (cwd: string, ...args: string[]): Promise<Ran> =>
  runNode(cwd, ['--conditions=source', '--import', 'tsx', 'backend/cli.ts', 'plugin', ...args])

/** The file behind the command of a package. */
export function binOf(name: string, bin = name): string {
  const folder = join(ROOT, 'node_modules', name)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const path = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[bin]
  if (path === undefined) throw new Error(`${name} has no command ${bin}`)
  return join(folder, path)
}

interface Manifest {
  bin: string | Record<string, string>
}
