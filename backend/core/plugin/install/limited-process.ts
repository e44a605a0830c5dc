import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface ProcessLimits {
  /** The folder that it writes to. */
  folder: string
  ms: number
  bytes: number
}

export interface LimitedOutcome {
  /** Null where it was ended: by a limit, or from outside. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: Buffer
  stderr: string
  broke?: 'time' | 'size'
}

const SIZE_CHECK_MS = 250
const STDERR_KEPT = 64 * 1024

/**
 * Waits for a process that was started in a group of its own (`detached`), and ends the group when it takes too long or
 * writes too much, into its folder or to its output.
 */
export async function runLimited(child: ChildProcess, { folder, ms, bytes }: ProcessLimits): Promise<LimitedOutcome> {
  const stdout: Buffer[] = []
  let received = 0
  let stderr = ''
  let broke: LimitedOutcome['broke']
  const stop = (reason: 'time' | 'size') => {
    broke ??= reason
    endGroup(child)
  }
  child.stdout?.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received > bytes) stop('size')
    else stdout.push(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)
  })
  const late = setTimeout(() => stop('time'), ms)
  const weigh = setInterval(() => {
    void bytesBelow(folder).then((size) => (size > bytes ? stop('size') : undefined))
  }, SIZE_CHECK_MS)
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    const output = { stdout: Buffer.concat(stdout), stderr }
    return { code: broke === undefined ? code : null, signal, ...output, ...(broke && { broke }) }
  } finally {
    clearTimeout(late)
    clearInterval(weigh)
    endGroup(child)
  }
}

/** Ends a process and all that it started. */
export function endGroup(child: ChildProcess): void {
  if (process.platform === 'win32' || child.pid === undefined) {
    child.kill('SIGKILL')
    return
  }
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // Nobody of it is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What goes away while it is counted counts nothing. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  let total = 0
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) total += await bytesBelow(path)
    else
      total += await lstat(path)
        .then(({ size }) => size)
        .catch(() => 0)
  }
  return total
}
