import { randomBytes } from 'node:crypto'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'

export const DATABASE = 'fba'
export const USER = 'fba'

export interface Access {
  port: number
  password: string
}

/**
 * - `ready`: the server of this cluster answers
 * - `busy`: a server answers, but takes no sessions now (it starts, recovers, stops or is full)
 * - `foreign`: something else answers
 * - `silent`: nothing answers
 */
export type Reply = 'ready' | 'busy' | 'foreign' | 'silent'

const PROBE_FILE = 'fba.probe'
const BUSY_CODES = new Set(['57P03', '57P01', '57P02', '53300'])
const SILENT_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT', 'EPIPE'])

export function databaseUrl({ port, password }: Access): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`
}

/**
 * Asks whoever listens on the port. The right password does not prove that it is our cluster, since a copied data folder has
 * the same one: so the server must also read back a word just written into the cluster's folder. Call under the start lock.
 */
export async function probe(access: Access, cluster_dir: string): Promise<Reply> {
  const word = randomBytes(16).toString('hex')
  const path = join(cluster_dir, PROBE_FILE)
  writeFileSync(path, word)
  try {
    // The server may be another user; the folder itself is closed to all others.
    chmodSync(path, 0o644)
    return await withSession(access, async (sql) => {
      const [row] = await sql<{ text: string | null }[]>`select pg_read_file(${PROBE_FILE}, true) as text`
      return row?.text === word ? 'ready' : 'foreign'
    })
  } catch (error) {
    return replyOf(error)
  } finally {
    rmSync(path, { force: true })
  }
}

function replyOf(error: unknown): Reply {
  const code = String((error as { code?: unknown }).code)
  if (BUSY_CODES.has(code)) return 'busy'
  return SILENT_CODES.has(code) ? 'silent' : 'foreign'
}

/** The collation is the cluster's, the owner is the user that the URL names. */
export async function ensureDatabase(access: Access): Promise<void> {
  await withSession(access, async (sql) => {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`
    if (found.length === 0) await sql`create database ${sql(DATABASE)}`
  })
}

async function withSession<T>(access: Access, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres({
    host: '127.0.0.1',
    port: access.port,
    user: USER,
    password: access.password,
    database: 'postgres',
    max: 1,
    connect_timeout: 5,
    fetch_types: false,
    connection: { application_name: 'fba launcher' },
  })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
