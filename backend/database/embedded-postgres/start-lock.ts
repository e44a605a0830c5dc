import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { folderIdentity, isAlive, ownIdentity, type ProcessIdentity } from '#backend/utils/process-identity'

const LOCK_NAME = /^lock\.(\d+)$/
const RELEASED = 'released'

/**
 * Runs `work` while no other process runs its own under the same folder. A holder that died does not block.
 *
 * The lock is the highest of the files `lock.<n>`. Taking over means creating `lock.<n+1>`, which only one process can, and the
 * highest file is never removed: so nobody ever deletes a lock on the strength of what it read a moment ago, the race
 * that breaks lock files which are removed when stale.
 */
export async function withStartLock<T>(dir: string, timeout_ms: number, work: () => Promise<T>): Promise<T> {
  const number = await acquire(dir, Date.now() + timeout_ms)
  try {
    return await work()
  } finally {
    writeFileSync(lockPath(dir, number), RELEASED)
  }
}

async function acquire(dir: string, deadline: number): Promise<number> {
  for (;;) {
    const top = highest(dir)
    const holder = top === 0 ? undefined : holderOf(dir, top)
    if (!holder || !isAlive(holder)) {
      const number = top + 1
      if (claim(dir, number)) return number
      continue
    }
    if (Date.now() > deadline) {
      throw new Error(`process ${holder.pid} has been starting or stopping PostgreSQL in ${dir} for too long`)
    }
    await sleep(20)
  }
}

function claim(dir: string, number: number): boolean {
  // A link puts the complete file in place at once: no reader ever sees a lock without its holder.
  const draft = join(dir, `claim.${randomBytes(8).toString('hex')}`)
  const { pid, started } = ownIdentity()
  writeFileSync(draft, `${pid} ${started} ${folderIdentity(dir)}`)
  try {
    linkSync(draft, lockPath(dir, number))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  // The list may have been old: lower numbers are removed by later holders and can be created again.
  if (highest(dir) !== number) {
    rmSync(lockPath(dir, number), { force: true })
    return false
  }
  removeBelow(dir, number)
  return true
}

function removeBelow(dir: string, number: number): void {
  for (const other of numbers(dir)) {
    if (other < number) rmSync(lockPath(dir, other), { force: true })
  }
}

function holderOf(dir: string, number: number): ProcessIdentity | undefined {
  try {
    const [pid, started, folder] = readFileSync(lockPath(dir, number), 'utf8').split(' ')
    return started && folder === folderIdentity(dir) ? { pid: Number(pid), started } : undefined
  } catch (error) {
    // Superseded and removed since it was listed. Anything else, such as a lock that may not be read, is no licence to take it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function highest(dir: string): number {
  return Math.max(0, ...numbers(dir))
}

function numbers(dir: string): number[] {
  return readdirSync(dir).flatMap((name) => {
    const match = LOCK_NAME.exec(name)
    return match ? [Number(match[1])] : []
  })
}

function lockPath(dir: string, number: number): string {
  return join(dir, `lock.${number}`)
}
