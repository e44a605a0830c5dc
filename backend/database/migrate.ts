import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ReservedSql, Sql } from 'postgres'
import type { Database } from '#backend/database/db'
import { errorText } from '#backend/utils/error-text'

/** Key of the session-level advisory lock that lets one process migrate while the others wait. */
export const MIGRATION_LOCK_KEY = 7_230_114_001

export interface MigrationLog {
  info(details: object, message: string): void
}

export interface MigrateOptions {
  /** default: drizzle/ at the top of the repository */
  folder?: string
  log?: MigrationLog
}

export interface MigrationResult {
  /** names, in order */
  applied: string[]
  /** true when tables that were already there were taken over as the first migration's */
  adopted: boolean
}

interface Migration {
  name: string
  /** milliseconds: identifies the migration in drizzle-kit's journal and in the database's */
  when: number
  statements: string[]
  hash: string
}

interface Journal {
  entries: { idx: number; tag: string; when: number }[]
}

interface Snapshot {
  tables: Record<string, { name: string; columns: Record<string, { name: string }> }>
}

const STATEMENT_SEPARATOR = '--> statement-breakpoint'

/**
 * Brings the database to the newest schema. Of several processes that start at once one migrates; the others wait and find nothing to do.
 * Each migration is one transaction, so a failure leaves the ones before it applied and recorded.
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<MigrationResult> {
  const folder = options.folder ?? defaultFolder()
  const migrations = await readMigrations(folder)
  // A server that is not there must fail an ordinary query: a reservation that failed holds up the pool's end for its whole time limit.
  await database.sql`select 1`
  const connection = await database.sql.reserve()
  try {
    await connection`select pg_advisory_lock(${String(MIGRATION_LOCK_KEY)}::bigint)`
    try {
      return await applyPending(connection, folder, migrations, options.log)
    } finally {
      // A connection that broke has lost the lock already; its failure must not hide the first one.
      await connection`select pg_advisory_unlock(${String(MIGRATION_LOCK_KEY)}::bigint)`.catch(() => {})
    }
  } finally {
    connection.release()
  }
}

export async function migrationStatus(
  database: Database,
  options: { folder?: string } = {},
): Promise<{ name: string; applied: boolean }[]> {
  const migrations = await readMigrations(options.folder ?? defaultFolder())
  const [journal] = await database.sql<{ exists: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as exists`
  const recorded = journal?.exists ? await recordedMigrations(database.sql) : new Set<number>()
  return migrations.map(({ name, when }) => ({ name, applied: recorded.has(when) }))
}

/** Names of the tables that the migrations have made when all of them are applied. */
export async function declaredTables(folder = defaultFolder()): Promise<string[]> {
  const { entries } = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as Journal
  const last = String(entries.at(-1)?.idx ?? 0).padStart(4, '0')
  const snapshot = JSON.parse(await readFile(join(folder, 'meta', `${last}_snapshot.json`), 'utf8')) as Snapshot
  return Object.values(snapshot.tables).map(({ name }) => name)
}

async function applyPending(
  connection: ReservedSql,
  folder: string,
  migrations: Migration[],
  log: MigrationLog | undefined,
): Promise<MigrationResult> {
  await createJournal(connection)
  const recorded = await recordedMigrations(connection)
  const [first] = migrations
  const adopted = first !== undefined && recorded.size === 0 && (await adoptable(connection, folder))
  if (adopted) {
    await record(connection, first)
    recorded.add(first.when)
    log?.info({ migration: first.name }, 'existing tables taken over')
  }
  const applied: string[] = []
  for (const migration of migrations.filter(({ when }) => !recorded.has(when))) {
    await apply(connection, migration)
    applied.push(migration.name)
    log?.info({ migration: migration.name }, 'migration applied')
  }
  return { applied, adopted }
}

async function apply(connection: ReservedSql, migration: Migration): Promise<void> {
  await connection`begin`
  try {
    for (const statement of migration.statements) await connection.unsafe(statement)
    await record(connection, migration)
    await connection`commit`
  } catch (error) {
    // The connection may be what failed; then the server has rolled back by itself.
    await connection`rollback`.catch(() => {})
    throw new Error(`migration ${migration.name} failed: ${errorText(error)}`, {
      cause: error,
    })
  }
}

// Schema and table are drizzle-kit's, so that its commands see the same state.
async function createJournal(connection: ReservedSql): Promise<void> {
  await connection`create schema if not exists drizzle`
  await connection`
    create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`
}

async function record(connection: ReservedSql, { hash, when }: Migration): Promise<void> {
  await connection`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${String(when)})`
}

async function recordedMigrations(sql: Sql): Promise<Set<number>> {
  const rows = await sql<{ created_at: string }[]>`select created_at from drizzle.__drizzle_migrations`
  return new Set(rows.map((row) => Number(row.created_at)))
}

/**
 * True when the first migration's tables are there already, made by another program; false when none of them is.
 * Throws when only some are, or columns lack: running the migration would fail halfway, recording it would be a lie.
 */
async function adoptable(connection: ReservedSql, folder: string): Promise<boolean> {
  const snapshot = JSON.parse(await readFile(join(folder, 'meta', '0000_snapshot.json'), 'utf8')) as Snapshot
  const tables = Object.values(snapshot.tables)
  const rows = await connection<{ table_name: string; column_name: string }[]>`
    select table_name, column_name from information_schema.columns
    where table_schema = current_schema() and table_name in ${connection(tables.map(({ name }) => name))}`
  if (rows.length === 0) return false
  const found = new Set(rows.flatMap((row) => [row.table_name, `${row.table_name}.${row.column_name}`]))
  const missing = tables.flatMap(({ name, columns }) =>
    found.has(name)
      ? Object.values(columns)
          .map((column) => `${name}.${column.name}`)
          .filter((column) => !found.has(column))
      : [name],
  )
  if (missing.length > 0) {
    throw new Error(
      `this database cannot be taken over: it has some of the admin tables but lacks ${missing.join(', ')}`,
    )
  }
  return true
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as Journal
  return Promise.all(
    journal.entries.map(async ({ tag, when }) => {
      const text = await readFile(join(folder, `${tag}.sql`), 'utf8')
      const hash = createHash('sha256').update(text).digest('hex')
      return { name: tag, when, statements: text.split(STATEMENT_SEPARATOR), hash }
    }),
  )
}

/** Walks up from this file, which lies one level deeper when compiled. */
function defaultFolder(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'drizzle', 'meta', '_journal.json'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('the folder drizzle/ with the migrations is missing')
    directory = parent
  }
  return join(directory, 'drizzle')
}
