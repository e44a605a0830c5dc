import { rm } from 'node:fs/promises'
import { eq } from 'drizzle-orm'
import { Conflict, Forbidden } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { dumpTables } from '#backend/core/plugin/install/dump'
import { removeUnpacked } from '#backend/core/plugin/install/load'
import { migrationsOf } from '#backend/core/plugin/install/migration-check'
import { dumpFolder } from '#backend/core/plugin/install/staging'
import { readStored } from '#backend/core/plugin/install/stored-archive'
import { revertMigrations } from '#backend/core/plugin/migrations'
import { plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { rowOf, whyNotDisable } from '#backend/core/plugin/plugin-rules'
import { changeSet, type SetChange } from '#backend/core/plugin/set-change'
import { findArchive, type PluginRow, readSet } from '#backend/core/plugin/set-store'
import { waitForOldSets } from '#backend/core/plugin/under-way'

export interface Uninstalled extends SetChange {
  /** Folder on this machine that holds the rows of its tables; null: it had none. */
  dump_folder: string | null
}

/**
 * First it is disabled everywhere, so that no process asks for tables that are gone; then it goes with its tables, menus
 * and row. The rows of its tables are written to files before.
 */
export async function uninstall(host: Host, ctx: Ctx, name: string): Promise<Uninstalled> {
  const row = await removable(ctx, name)
  if (row.enabled)
    await changeSet(host, ctx, async (ctx) => {
      await removable(ctx, name)
      await ctx.db.update(pluginTable).set({ enabled: false }).where(eq(pluginTable.name, name))
    })
  await waitForOldSets(host, (await readSet(ctx.db)).version)
  let dump_folder: string | null = null
  try {
    const change = await changeSet(host, ctx, async (ctx) => {
      dump_folder = await takeAway(host, ctx, await removable(ctx, name))
    })
    await removeUnpacked(name, ctx.config.DATA_DIR)
    ctx.log.info({ plugin: name, dump_folder }, 'a plugin was uninstalled')
    return { ...change, dump_folder }
  } catch (error) {
    if (dump_folder !== null) await rm(dump_folder, { recursive: true, force: true })
    throw error
  }
}

async function removable(ctx: Ctx, name: string): Promise<PluginRow> {
  const { rows } = await readSet(ctx.db)
  const row = rowOf(rows, name)
  if (row.source === 'built-in') throw new Forbidden('plugin.built_in')
  const refusal = whyNotDisable(row, rows)
  if (refusal !== undefined) throw refusal
  return row
}

async function takeAway(host: Host, ctx: Ctx, row: PluginRow): Promise<string | null> {
  const { name, manifest, digest, menu_names } = row
  // Somebody has enabled it meanwhile: processes use its tables.
  if (row.enabled) throw new Conflict('error.conflict')
  const archive = await findArchive(ctx.db, name, digest ?? '')
  if (archive === undefined || digest === null) throw new Error(`the archive of the plugin ${name} is gone`)
  const migrations = migrationsOf(readStored(archive, digest).files, manifest)
  const folder = manifest.tables.length === 0 ? null : dumpFolder(ctx.config.DATA_DIR, row, new Date())
  if (folder !== null) await dumpTables(ctx.db, manifest.tables, folder)
  await revertMigrations(ctx.db, name, migrations)
  await host.menus.remove(ctx.db, menu_names)
  await ctx.db.delete(pluginTable).where(eq(pluginTable.name, name))
  await ctx.actors.touch(ctx, ['all'])
  return folder
}
