import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

type Env = Record<string, string>

/** Cheap hashes, no captcha to solve, a free port. */
const QUICK: Env = { PASSWORD_HASH_COST: '4', LOGIN_CAPTCHA_ENABLED: 'false', PORT: '0' }
const TSX = createRequire(import.meta.url).resolve('tsx')
const START_MS = 60_000

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Spawned {
  process: ChildProcess
  stdout: () => string
  ended: Promise<Ended>
}

export interface SpawnedServer extends Spawned {
  url: string
  /** Asks it to stop, and waits. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

/** A folder to work in that is gone when the test file is done; the caller removes it. */
export function makeFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'fba-process-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) }
}

type ProgramFile = 'main.ts' | 'cli.ts' | 'tests/process/plugin-server.ts'

/** Runs a file of the program in a folder of its own choice, with no other environment than this. */
function spawnProgram(file: ProgramFile, args: readonly string[], folder: string, env: Env): Spawned {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url))
  const child = spawn(process.execPath, ['--conditions=source', '--import', TSX, path, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const ended: Promise<Ended> = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }))
  return { process: child, stdout: () => stdout, ended }
}

/** The command line, run to its end. */
export async function runCli(args: readonly string[], folder: string, env: Env = {}): Promise<Ended> {
  return spawnProgram('cli.ts', args, folder, { ...QUICK, ...env }).ended
}

/** The server, run to the end that it is expected to come to by itself. */
export async function runServer(folder: string, env: Env = {}): Promise<Ended> {
  return spawnProgram('main.ts', [], folder, env).ended
}

/** The server, listening. */
export async function startServer(
  folder: string,
  env: Env = {},
  file: ProgramFile = 'main.ts',
): Promise<SpawnedServer> {
  const spawned = spawnProgram(file, [], folder, { ...QUICK, ...env })
  const url = await Promise.race([listening(spawned), spawned.ended])
  if (typeof url !== 'string') throw new Error(`the server ended with ${url.code}:\n${url.stdout}${url.stderr}`)
  return {
    ...spawned,
    url,
    async stop(signal = 'SIGTERM') {
      spawned.process.kill(signal)
      return spawned.ended
    },
  }
}

async function listening({ stdout, process: child }: Spawned): Promise<string> {
  for (const deadline = Date.now() + START_MS; ; await sleep(20)) {
    const url = /(?:Listening on|listening at) +(http:[^\s"]+)/.exec(stdout())?.[1]
    if (url !== undefined) return url
    if (Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`the server does not listen:\n${stdout()}`)
    }
  }
}

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: the shape under test is what a test asserts
  body: any
}

export async function call(url: string, path: string, token?: string, body?: unknown): Promise<Reply> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      // A connection kept open to a server that is killed would fail the next call.
      connection: 'close',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

/** The access token of a session opened over HTTP. */
export async function signIn(url: string, username: string, password: string): Promise<string> {
  const { status, body } = await call(url, '/api/v1/auth/login', undefined, { username, password })
  if (status !== 200) throw new Error(`${username} cannot sign in: ${JSON.stringify(body)}`)
  return body.data.access_token
}

export async function until(holds: () => Promise<boolean>, limit_ms = 20_000): Promise<void> {
  for (const deadline = Date.now() + limit_ms; !(await holds()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`does not come true within ${limit_ms} ms: ${holds.toString()}`)
}
