import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { inDependencyOrder, type LoadedPlugin } from '#backend/core/plugin/loaded'
import { type Plugin, plugin } from '#backend/core/plugin/model/plugin.model'
import { pluginSet } from '#backend/core/plugin/model/plugin-set.model'
import type { DisabledPlugin, PluginSet } from '#backend/core/plugin/parts'
import type { Db } from '#backend/database/db'
import { lockXact } from '#backend/database/locks'

/** A plugin without the bytes it was installed from. */
export type PluginRow = Omit<Plugin, 'archive'>

export interface StoredSet {
  version: number
  rows: PluginRow[]
}

const SET_ID = 1
const SET_LOCK = 'plugins:set'
const { archive: _, ...COLUMNS } = getTableColumns(plugin)

/** The set as one moment knew it. */
export async function readSet(db: Db): Promise<StoredSet> {
  const found = await db
    .select({ version: pluginSet.version, row: COLUMNS })
    .from(pluginSet)
    .leftJoin(plugin, sql`true`)
    .where(eq(pluginSet.id, SET_ID))
    .orderBy(asc(plugin.name))
  const version = found[0]?.version
  if (version === undefined) throw new Error('sys_plugin_set has lost its row')
  return { version, rows: found.flatMap(({ row }) => row ?? []) }
}

export async function findArchive(db: Db, name: string, digest: string): Promise<Buffer | undefined> {
  const [row] = await db
    .select({ archive: plugin.archive })
    .from(plugin)
    .where(and(eq(plugin.name, name), eq(plugin.digest, digest)))
  return row?.archive ?? undefined
}

/** Changes of the set run one after the other, in every process. Invariant: `tx` is a transaction. */
export async function lockSet(tx: Db): Promise<void> {
  await lockXact(tx, SET_LOCK)
}

/** Gives the changed set its number. */
export async function raiseVersion(tx: Db): Promise<number> {
  const [row] = await tx
    .update(pluginSet)
    .set({ version: sql`${pluginSet.version} + 1` })
    .where(eq(pluginSet.id, SET_ID))
    .returning()
  if (row === undefined) throw new Error('sys_plugin_set has lost its row')
  return row.version
}

/** Finds the code of a plugin; undefined when this program does not have it. */
export type FindCode = (row: PluginRow) => Promise<LoadedPlugin | undefined>

/**
 * The set with its code. A plugin of the product that this program does not have (another version of it runs beside)
 * is out of use here.
 */
export async function assemble({ version, rows }: StoredSet, findCode: FindCode): Promise<PluginSet> {
  const enabled: LoadedPlugin[] = []
  const disabled: DisabledPlugin[] = []
  for (const row of rows) {
    const code = row.enabled ? await findCode(row) : undefined
    if (code !== undefined) enabled.push(code)
    else disabled.push({ name: row.name, routes: row.routes, menu_names: row.menu_names })
  }
  return { version, enabled: inDependencyOrder(enabled), disabled }
}
