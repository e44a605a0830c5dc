import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { locateNativeFiles, program } from '#backend/database/embedded-postgres/binaries'
import type { Log } from '#backend/database/embedded-postgres/launch'
import type { Layout } from '#backend/database/embedded-postgres/layout'
import { probe } from '#backend/database/embedded-postgres/probe'
import { processExists, serves } from '#backend/utils/process-identity'

const UNKNOWN_MS = 10_000
const FAST_SHUTDOWN_MS = 30_000
const IMMEDIATE_SHUTDOWN_MS = 10_000

/**
 * The port of the server that already runs on this cluster, waiting while it starts, recovers or stops; undefined when there
 * is none. A postmaster.pid that names a process which is not our server is removed: PostgreSQL would not start over it.
 */
export async function findRunning(
  layout: Layout,
  password: string,
  deadline: number,
  log: Log,
): Promise<number | undefined> {
  const unknown_until = Date.now() + UNKNOWN_MS
  for (;;) {
    const found = readPidFile(layout.cluster_dir)
    if (!found) return undefined
    if (!processExists(found.pid)) break
    const reply = await probe({ port: found.port, password }, layout.cluster_dir)
    if (reply === 'ready') return found.port
    const ours = serves(found.pid, layout.cluster_dir)
    if (ours === false || (ours === undefined && reply !== 'busy' && Date.now() > unknown_until)) {
      log.warn({ pid: found.pid }, 'postmaster.pid names a process that is not our PostgreSQL: removed')
      break
    }
    if (Date.now() > deadline) throw new Error(`process ${found.pid} runs on the data but does not get ready`)
    await sleep(20)
  }
  rmSync(pidFile(layout.cluster_dir), { force: true })
  return undefined
}

/** Ends the server of this cluster, if it runs: sessions are cut, everything committed is on disk. */
export async function shutDown(layout: Layout, password: string): Promise<void> {
  const found = readPidFile(layout.cluster_dir)
  if (!found || !processExists(found.pid)) return
  const ours =
    serves(found.pid, layout.cluster_dir) ?? (await probe({ ...found, password }, layout.cluster_dir)) === 'ready'
  if (!ours) return
  signal(found.pid, 'INT')
  if (await ends(found.pid, FAST_SHUTDOWN_MS)) return
  // Ends without a last checkpoint: the next start recovers from the log.
  signal(found.pid, 'QUIT')
  if (await ends(found.pid, IMMEDIATE_SHUTDOWN_MS)) return
  throw new Error(`PostgreSQL (process ${found.pid}) does not stop`)
}

async function ends(pid: number, timeout_ms: number): Promise<boolean> {
  for (const deadline = Date.now() + timeout_ms; Date.now() < deadline; await sleep(10)) {
    if (!processExists(pid)) return true
  }
  return false
}

function signal(pid: number, name: 'INT' | 'QUIT'): void {
  if (process.platform === 'win32') {
    // There a signal from Node ends the process at once; PostgreSQL listens for its own on a pipe.
    spawnSync(program(locateNativeFiles().dir, 'pg_ctl'), ['kill', name, String(pid)], { windowsHide: true })
    return
  }
  try {
    process.kill(pid, `SIG${name}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What postmaster.pid says; undefined when there is none. Unreadable content (half written at a power cut) gives pid 0. */
function readPidFile(cluster_dir: string): { pid: number; port: number } | undefined {
  try {
    const lines = readFileSync(pidFile(cluster_dir), 'utf8').split('\n')
    return { pid: Number.parseInt(lines[0] ?? '', 10) || 0, port: Number.parseInt(lines[3] ?? '', 10) || 0 }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function pidFile(cluster_dir: string): string {
  return join(cluster_dir, 'postmaster.pid')
}
