import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Line {
  /** Since the process was started. */
  at_ms: number
  text: string
}

export interface Child {
  url: string
  /** From the start of the process to the end of its first answer. */
  first_answer_ms: number
  lines: readonly Line[]
  /** Processor time of the process so far; undefined where the system does not say. */
  cpuMs(): number | undefined
  stop(): Promise<void>
}

export interface ChildOptions {
  /** Arguments of Node. */
  args: readonly string[]
  cwd: string
  env: Record<string, string>
  /** Path that is asked until it answers with 200. */
  ready_path: string
}

const START_MS = 60_000
const STOP_MS = 20_000
const POLL_MS = 2
const LINES_MAX = 200

/** Starts a server on a free port and waits for its first answer. Only what `env` says, and PORT, is in its environment. */
export async function startChild({ args, cwd, env, ready_path }: ChildOptions): Promise<Child> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const started_at = performance.now()
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: Line[] = []
  for (const output of [child.stdout, child.stderr])
    createInterface(output).on('line', (text) => {
      // Read on, so that the process never waits for a full pipe, but keep only the beginning.
      if (lines.length < LINES_MAX) lines.push({ at_ms: performance.now() - started_at, text })
    })
  try {
    await firstAnswer(`${url}${ready_path}`, child)
  } catch (error) {
    await stopChild(child)
    throw new Error(`${(error as Error).message}\n${lines.map(({ text }) => text).join('\n')}`)
  }
  return {
    url,
    first_answer_ms: performance.now() - started_at,
    lines,
    cpuMs: () => (child.pid === undefined ? undefined : cpuMs(child.pid)),
    stop: () => stopChild(child),
  }
}

/** Linux counts in ticks of 10 ms. */
function cpuMs(pid: number): number | undefined {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return undefined
  const fields = readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function firstAnswer(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    if (hasEnded(child)) throw new Error('it ended before it answered:')
    const answer = await fetch(url).catch(() => undefined)
    if (answer !== undefined) {
      const text = await answer.text()
      if (answer.status === 200) return
      throw new Error(`${url} answered ${answer.status}: ${text}`)
    }
    await sleep(POLL_MS)
  }
  throw new Error(`no answer within ${START_MS} ms:`)
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(late)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
