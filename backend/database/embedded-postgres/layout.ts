import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ownLikeParent } from '#backend/database/embedded-postgres/server-user'

/** Everything the launcher keeps below the data folder. */
export interface Layout {
  data_dir: string
  cluster_dir: string
  /** Lock, users and port: what processes tell each other. */
  run_dir: string
  users_dir: string
  port_file: string
  password_file: string
  log_file: string
}

export function prepareLayout(data_dir_option: string): Layout {
  const data_dir = resolve(data_dir_option)
  const run_dir = join(data_dir, 'postgres.run')
  const users_dir = join(run_dir, 'users')
  // Closed to others: everything that the application keeps here is its own.
  mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  for (const dir of [run_dir, users_dir]) {
    if (existsSync(dir)) continue
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    ownLikeParent(dir)
  }
  return {
    data_dir,
    cluster_dir: join(data_dir, 'postgres'),
    run_dir,
    users_dir,
    port_file: join(run_dir, 'port'),
    password_file: join(data_dir, 'postgres.password'),
    log_file: join(data_dir, 'postgres.log'),
  }
}

/** Complete and on disk, or not there at all; readable by the owner only. */
export function writePrivate(path: string, text: string): void {
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  ownLikeParent(draft)
  renameSync(draft, path)
}

export function syncFolder(path: string): void {
  // Windows has no such call, and needs none.
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** The password outlives the cluster's process, not the cluster: it is made before the cluster is. */
export function ensurePassword(layout: Layout): string {
  if (existsSync(layout.password_file)) return readFileSync(layout.password_file, 'utf8').trim()
  if (existsSync(layout.cluster_dir)) {
    throw new Error(`${layout.password_file} is missing, and it is the only key to the data in ${layout.cluster_dir}`)
  }
  const password = randomBytes(24).toString('base64url')
  writePrivate(layout.password_file, password)
  return password
}

export function recordedPort(layout: Layout): number | undefined {
  const port = existsSync(layout.port_file) ? Number(readFileSync(layout.port_file, 'utf8')) : Number.NaN
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
}
