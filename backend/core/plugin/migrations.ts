import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, sql } from 'drizzle-orm'
import { pluginMigration } from '#backend/core/plugin/model/plugin-migration.model'
import { type Db, inTransaction } from '#backend/database/db'
import { lockXact } from '#backend/database/locks'
import { errorText } from '#backend/utils/error-text'

export interface PluginMigration {
  /** `0001_add_colour` */
  readonly name: string
  readonly up: string
  readonly down: string
  /** SHA-256 of `up`, in hexadecimal */
  readonly hash: string
}

const FILE = /^(\d{4}_[a-z0-9_]{1,100})\.(up|down)\.sql$/

/** The migrations in a folder `migrations/`, in their order; none where there is no such folder. */
export async function readMigrations(folder: string): Promise<PluginMigration[]> {
  if (!existsSync(folder)) return []
  const names = await readdir(folder)
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return parseMigrations(new Map(names.map((name, index) => [name, texts[index] ?? ''])))
}

/** The migrations that files of these names and texts are, in their order. Throws where the files do not fit together. */
export function parseMigrations(files: ReadonlyMap<string, string>): PluginMigration[] {
  const names = new Set<string>()
  for (const file of files.keys()) {
    const name = FILE.exec(file)?.[1]
    if (name === undefined) throw new Error(`migrations/${file} is not named NNNN_name.up.sql or .down.sql`)
    names.add(name)
  }
  const numbers = [...names].map((name) => name.slice(0, 4))
  if (new Set(numbers).size < numbers.length) throw new Error('two migrations have the same number')
  return [...names].sort().map((name) => {
    const up = files.get(`${name}.up.sql`)
    const down = files.get(`${name}.down.sql`)
    if (up === undefined || down === undefined) throw new Error(`migration ${name} lacks a direction`)
    return { name, up, down, hash: createHash('sha256').update(up).digest('hex') }
  })
}

/**
 * Applies those that are missing, in the transaction of the caller, and returns their names. One that was changed after
 * it had been applied stops it: what the database holds is not what the file says.
 */
export async function applyMigrations(
  tx: Db,
  plugin: string,
  migrations: readonly PluginMigration[],
): Promise<string[]> {
  const pending = await pendingOf(tx, plugin, migrations)
  for (const migration of pending) await apply(tx, plugin, migration)
  return pending.map(({ name }) => name)
}

/** Undoes all that was applied, last first, in the transaction of the caller, and returns their names. */
export async function revertMigrations(
  tx: Db,
  plugin: string,
  migrations: readonly PluginMigration[],
): Promise<string[]> {
  const applied = await appliedHashes(tx, plugin)
  const lost = [...applied.keys()].filter((name) => !migrations.some((one) => one.name === name))
  if (lost.length > 0) throw new Error(`plugin ${plugin}: nothing says how to undo ${lost.join(', ')}`)
  const reverted = migrations.filter(({ name }) => applied.has(name)).toReversed()
  for (const { name, down } of reverted) {
    await run(tx, plugin, name, down)
    await tx.delete(pluginMigration).where(and(eq(pluginMigration.plugin, plugin), eq(pluginMigration.name, name)))
  }
  return reverted.map(({ name }) => name)
}

/** As `applyMigrations`, each in a transaction of its own: one that fails leaves those before it applied. */
export async function migratePlugin(db: Db, plugin: string, migrations: readonly PluginMigration[]): Promise<string[]> {
  const done: string[] = []
  for (const [index] of migrations.entries())
    done.push(...(await inTransaction(db, (tx) => applyMigrations(tx, plugin, migrations.slice(0, index + 1)))))
  return done
}

/** Which are applied, in their order. */
export async function pluginMigrationStatus(
  db: Db,
  plugin: string,
  migrations: readonly PluginMigration[],
): Promise<{ name: string; applied: boolean }[]> {
  const applied = await appliedHashes(db, plugin)
  return migrations.map(({ name }) => ({ name, applied: applied.has(name) }))
}

/** The names of those that are applied. */
export async function appliedMigrations(db: Db, plugin: string): Promise<string[]> {
  return [...(await appliedHashes(db, plugin)).keys()]
}

async function pendingOf(tx: Db, plugin: string, migrations: readonly PluginMigration[]): Promise<PluginMigration[]> {
  // Of several processes that start at once one migrates, and the others find nothing to do.
  await lockXact(tx, `plugin:migrate:${plugin}`)
  const applied = await appliedHashes(tx, plugin)
  const changed = migrations.find(({ name, hash }) => (applied.get(name) ?? hash) !== hash)
  if (changed !== undefined)
    throw new Error(`plugin ${plugin}: migration ${changed.name} was changed after it was applied`)
  return migrations.filter(({ name }) => !applied.has(name))
}

async function apply(tx: Db, plugin: string, { name, up, hash }: PluginMigration): Promise<void> {
  await run(tx, plugin, name, up)
  await tx.insert(pluginMigration).values({ plugin, name, hash })
}

/** Several statements at once; a file that ends the transaction it is run in would leave half of itself behind. */
async function run(tx: Db, plugin: string, name: string, text: string): Promise<void> {
  const before = await transactionId(tx)
  try {
    await tx.execute(sql.raw(text))
  } catch (error) {
    throw new Error(`plugin ${plugin}: migration ${name} failed: ${driverText(error)}`, { cause: error })
  }
  if ((await transactionId(tx)) !== before) throw new Error(`plugin ${plugin}: migration ${name} ends its transaction`)
}

/** The driver's own words; around them stands the whole text of the file. */
const driverText = (error: unknown): string =>
  errorText(error instanceof Error && error.cause instanceof Error ? error.cause : error)

async function transactionId(tx: Db): Promise<string | undefined> {
  const [row] = await tx.execute<{ id: string }>(sql`select pg_current_xact_id()::text as id`)
  return row?.id
}

async function appliedHashes(db: Db, plugin: string): Promise<Map<string, string>> {
  const rows = await db
    .select({ name: pluginMigration.name, hash: pluginMigration.hash })
    .from(pluginMigration)
    .where(eq(pluginMigration.plugin, plugin))
  return new Map(rows.map(({ name, hash }) => [name, hash]))
}
