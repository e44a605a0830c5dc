import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { program } from '#backend/database/embedded-postgres/binaries'
import { type Layout, syncFolder } from '#backend/database/embedded-postgres/layout'
import { USER } from '#backend/database/embedded-postgres/probe'
import { giveTo, openForServer, ownLikeParent, type ServerUser } from '#backend/database/embedded-postgres/server-user'

/** What the programs are run with. */
export interface Runner {
  native_dir: string
  user: ServerUser | undefined
}

const LOG_BYTES_MAX = 10 * 1024 * 1024
const DRAFT_PREFIX = 'postgres.init-'
// Ours alone: PGOPTIONS and the like in our environment are meant for others. Messages must be English, we read some.
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/**
 * Makes the cluster when there is none. It appears complete or not at all, however we end: initdb works in a draft folder
 * that is renamed when it is done.
 */
export async function ensureCluster(
  layout: Layout,
  { native_dir, user }: Runner,
  password: string,
  sync: boolean,
): Promise<void> {
  if (existsSync(layout.cluster_dir)) {
    // A backup unpacked by root.
    if (user && statSync(layout.cluster_dir).uid !== user.uid) giveTo(layout.cluster_dir, user)
    return
  }
  for (const name of readdirSync(layout.data_dir)) {
    if (name.startsWith(DRAFT_PREFIX)) rmSync(join(layout.data_dir, name), { recursive: true, maxRetries: 5 })
  }
  const draft = join(layout.data_dir, `${DRAFT_PREFIX}${randomBytes(4).toString('hex')}`)
  mkdirSync(draft, { mode: 0o700 })
  writeFileSync(join(draft, 'password'), password, { mode: 0o600 })
  if (user) giveTo(draft, user)
  await runInitdb(draft, { native_dir, user }, sync)
  renameSync(join(draft, 'cluster'), layout.cluster_dir)
  // Rows are promised to survive a power cut, so the name of their folder must.
  if (sync) syncFolder(layout.data_dir)
  rmSync(draft, { recursive: true })
}

async function runInitdb(draft: string, { native_dir, user }: Runner, sync: boolean): Promise<void> {
  const folder = openForServer(draft, user)
  const args = [
    `--pgdata=${folder.path}/cluster`,
    `--username=${USER}`,
    `--pwfile=${folder.path}/password`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Sorts by code point and knows the case of all letters, the same on every system, whatever locales it has.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(sync ? [] : ['--no-sync']),
  ]
  try {
    const child = spawn(program(native_dir, 'initdb'), args, {
      ...common(native_dir, user),
      stdio: ['ignore', 'pipe', 'pipe', ...inherited(folder.descriptor)],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`initdb failed: ${output.trim().slice(-2_000)}`)
  } finally {
    folder.close()
  }
}

/** A server process that has been started; `failure()` is its last words once it has ended. */
export interface ServerProcess {
  pid: number
  failure(): string | undefined
}

export async function spawnServer(
  layout: Layout,
  { native_dir, user }: Runner,
  port: number,
  settings: Record<string, string>,
): Promise<ServerProcess> {
  const folder = openForServer(layout.cluster_dir, user)
  const log = openLog(layout.log_file)
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '100',
    ...settings,
  }
  const args = ['-D', folder.path, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  try {
    const child = spawn(program(native_dir, 'postgres'), args, {
      ...common(native_dir, user),
      // In a session of its own: Ctrl-C on our terminal must not stop it before we are done with it.
      detached: true,
      stdio: ['ignore', log.descriptor, log.descriptor, ...inherited(folder.descriptor)],
    })
    await once(child, 'spawn')
    child.unref()
    return { pid: child.pid ?? 0, failure: () => lastWords(child, layout.log_file, log.size) }
  } finally {
    closeSync(log.descriptor)
    folder.close()
  }
}

function common(native_dir: string, user: ServerUser | undefined) {
  // Our own working folder may be closed to the server's user.
  return { ...user, cwd: join(native_dir, 'bin'), env: ENVIRONMENT, windowsHide: true }
}

function inherited(descriptor: number | undefined): number[] {
  return descriptor === undefined ? [] : [descriptor]
}

function openLog(path: string): { descriptor: number; size: number } {
  if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
  const descriptor = openSync(path, 'a', 0o600)
  ownLikeParent(path)
  return { descriptor, size: fstatSync(descriptor).size }
}

function lastWords(child: ChildProcess, log_file: string, offset: number): string | undefined {
  if (child.exitCode === null && child.signalCode === null) return undefined
  const file = openSync(log_file, 'r')
  try {
    const size = Math.min(fstatSync(file).size - offset, 64 * 1024)
    const text = Buffer.alloc(Math.max(size, 0))
    readSync(file, text, 0, text.length, offset)
    const lines = text.toString().trim().split('\n')
    const reasons = lines.filter((line) => /FATAL|ERROR|PANIC|error|could not/.test(line))
    return (
      (reasons.length > 0 ? reasons : lines).slice(-4).join('\n') ||
      `it ended with ${child.signalCode ?? child.exitCode}`
    )
  } finally {
    closeSync(file)
  }
}
