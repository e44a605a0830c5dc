import { rm } from 'node:fs/promises'
import { eq } from 'drizzle-orm'
import { Conflict } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { dumpTables } from '#backend/core/plugin/install/dump'
import { removeUnpacked } from '#backend/core/plugin/install/load'
import { migrationsOf } from '#backend/core/plugin/install/migration-check'
import { dumpFolder } from '#backend/core/plugin/install/staging'
import { readStored } from '#backend/core/plugin/install/stored-archive'
import { revertMigrations } from '#backend/core/plugin/migrations'
import { plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { rowOf, whyNotEnable, whyNotUninstall } from '#backend/core/plugin/plugin-rules'
import { withStatementLimit } from '#backend/core/plugin/plugin-work'
import type { Laggard } from '#backend/core/plugin/process-registry'
import { changeSet, orUnfit, type SetChange } from '#backend/core/plugin/set-change'
import { findArchive, type PluginRow, readSet } from '#backend/core/plugin/set-store'
import { waitForOldSets } from '#backend/core/plugin/under-way'
import type { Db } from '#backend/database/db'

export interface Uninstalled extends SetChange {
  /** Folder on this machine that holds the rows of its tables; null: it had none. */
  dump_folder: string | null
}

/**
 * First it is disabled everywhere, so that no process asks for tables that are gone; then it goes with its tables, menus
 * and row. The rows of its tables are written to files before.
 */
export async function uninstall(host: Host, ctx: Ctx, name: string): Promise<Uninstalled> {
  const { enabled } = await removable(ctx.db, name)
  const out_of_service = enabled ? await disable(host, ctx, name) : []
  await waitForOldSets(host, (await readSet(ctx.db)).version)
  const gone = await takeAway(host, ctx, name, { out_of_service, enable_again: enabled })
  // It is uninstalled: files that stay are in nobody's way.
  await removeUnpacked(name, ctx.config.DATA_DIR).catch((error: unknown) =>
    ctx.log.warn({ err: error, plugin: name }, 'what was unpacked of an uninstalled plugin is still there'),
  )
  return gone
}

async function removable(db: Db, name: string): Promise<PluginRow> {
  const { rows } = await readSet(db)
  const row = rowOf(rows, name)
  const refusal = whyNotUninstall(row, rows)
  if (refusal !== undefined) throw refusal
  return row
}

async function disable(host: Host, ctx: Ctx, name: string): Promise<Laggard[]> {
  const { out_of_service } = await changeSet(host, ctx, name, async ({ db }) => {
    await removable(db, name)
    await setEnabled(db, name, false)
  })
  return out_of_service
}

async function setEnabled(db: Db, name: string, enabled: boolean): Promise<void> {
  await db.update(pluginTable).set({ enabled }).where(eq(pluginTable.name, name))
}

interface TakeAwayOptions {
  out_of_service: readonly Laggard[]
  /** Whether it is to be in use again where it cannot be taken away. */
  enable_again: boolean
}

/**
 * The files with its rows go only when it is certain that the rows are still in the tables: whatever fails later, they
 * may be the only copy.
 */
async function takeAway(
  host: Host,
  ctx: Ctx,
  name: string,
  { out_of_service, enable_again }: TakeAwayOptions,
): Promise<Uninstalled> {
  let dump_folder: string | null = null
  let kept = false
  const undo = async () => {
    kept = true
    if (dump_folder !== null) await rm(dump_folder, { recursive: true, force: true })
  }
  const change = async (ctx: Ctx) => {
    const row = await removable(ctx.db, name)
    dump_folder = await dump(ctx, row)
    await remove(host, ctx, row)
    await ctx.afterCommit(async () => ctx.log.info({ plugin: name, dump_folder }, 'a plugin was uninstalled'))
  }
  try {
    return { ...(await changeSet(host, ctx, name, change, { undo, out_of_service })), dump_folder }
  } catch (error) {
    if (kept && enable_again) await enableAgain(host, ctx, name)
    throw error
  }
}

async function dump({ db, config }: Ctx, row: PluginRow): Promise<string | null> {
  // Somebody has enabled it meanwhile: processes use its tables.
  if (row.enabled) throw new Conflict('error.conflict')
  const { tables } = row.manifest
  if (tables.length === 0) return null
  const folder = dumpFolder(config.DATA_DIR, row, new Date())
  await dumpTables(db, tables, folder)
  return folder
}

async function remove(host: Host, ctx: Ctx, { name, manifest, digest, menu_names }: PluginRow): Promise<void> {
  const archive = await findArchive(ctx.db, name, digest ?? '')
  if (archive === undefined || digest === null) throw new Error(`the archive of the plugin ${name} is gone`)
  const migrations = migrationsOf(readStored(archive, digest).files, manifest)
  await orUnfit(ctx, () => withStatementLimit(ctx.db, () => revertMigrations(ctx.db, name, migrations)))
  await host.menus.remove(ctx.db, menu_names)
  await ctx.db.delete(pluginTable).where(eq(pluginTable.name, name))
  await ctx.actors.touch(ctx, ['all'])
}

/** As it was before it was tried to take it away, unless others have changed that meanwhile. */
async function enableAgain(host: Host, ctx: Ctx, name: string): Promise<void> {
  try {
    await changeSet(host, ctx, name, async ({ db }) => {
      const { rows } = await readSet(db)
      const row = rows.find((one) => one.name === name)
      if (row !== undefined && whyNotEnable(row.manifest, rows) === undefined) await setEnabled(db, name, true)
    })
  } catch (error) {
    ctx.log.error({ err: error, plugin: name }, 'a plugin that could not be uninstalled stays disabled')
  }
}
