import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'

/** A pid alone is reused by the system; together with the time the process started it names one process for ever. */
export interface ProcessIdentity {
  pid: number
  started: string
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? `unknown-${randomBytes(4).toString('hex')}` }
}

/** Distinguishes a folder from its copies, in which the marks of living processes mean nothing. */
export function folderIdentity(dir: string): string {
  return String(statSync(dir).ino)
}

export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return startOf(pid) === started
}

export function processExists(pid: number): boolean {
  return startOf(pid) !== undefined
}

/** Whether the process is a server of the cluster in this folder; undefined where the system does not tell. */
export function serves(pid: number, cluster_dir: string): boolean | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const cwd = statSync(`/proc/${pid}/cwd`)
    const cluster = statSync(cluster_dir)
    return cwd.ino === cluster.ino && cwd.dev === cluster.dev
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
  }
  // Without the right to trace other users' processes (root in most containers) only the command line is open to us.
  try {
    const [command] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return basename(command ?? '') === 'postgres' ? undefined : false
  } catch {
    return false
  }
}

/** When the process started, in letters fit for a file name; undefined when no such process runs (a zombie does not). */
function startOf(pid: number): string | undefined {
  if (!(pid > 0)) return undefined
  if (process.platform === 'linux') return linuxStart(pid)
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined
  }
  // Windows tells the start time only through slow tools: there a pid stands for itself.
  return process.platform === 'win32' ? 'running' : posixStart(pid)
}

function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name comes second, in parentheses, and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    // Ticks count from the boot, so they need the boot's name to be unique.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)}-${fields[19]}`
  } catch {
    return undefined
  }
}

function posixStart(pid: number): string | undefined {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return started.replace(/[^0-9A-Za-z]+/g, '-') || undefined
  } catch {
    return undefined
  }
}
