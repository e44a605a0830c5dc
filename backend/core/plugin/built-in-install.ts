import { eq } from 'drizzle-orm'
import { withTx } from '#backend/core/ctx'
import { type Host, systemCtx } from '#backend/core/host'
import type { BuiltInPlugin } from '#backend/core/plugin/built-in'
import { tablesOf } from '#backend/core/plugin/loaded'
import { migratePlugin, pluginMigrationStatus } from '#backend/core/plugin/migrations'
import { plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { assertColumns } from '#backend/core/plugin/model-columns'
import { replaceMenus } from '#backend/core/plugin/plugin-menus'
import type { Db } from '#backend/database/db'
import { lockXact } from '#backend/database/locks'

const qualified = ({ manifest }: BuiltInPlugin, name: string) => `${manifest.name}/${name}`

/** Brings the tables of the plugins that ship with the product to their newest schema; returns what was applied. */
export async function migrateBuiltIns({ built_ins, database, log }: Host): Promise<string[]> {
  const applied: string[] = []
  for (const plugin of built_ins)
    for (const name of await migratePlugin(database.db, plugin.manifest.name, plugin.migrations)) {
      applied.push(qualified(plugin, name))
      log.info({ migration: qualified(plugin, name) }, 'plugin migrated')
    }
  return applied
}

export async function builtInMigrationStatus({ built_ins, database }: Host) {
  const all = await Promise.all(
    built_ins.map(async (plugin) => {
      const status = await pluginMigrationStatus(database.db, plugin.manifest.name, plugin.migrations)
      return status.map(({ name, applied }) => ({ name: qualified(plugin, name), applied }))
    }),
  )
  return all.flat()
}

/**
 * Enters those that the database does not know, enabled and with the rows and menus they start with, and those of another
 * version, which stay as enabled as they were. Repeating it changes nothing. Returns the names of those it entered.
 */
export async function installBuiltIns(host: Host): Promise<string[]> {
  const entered: string[] = []
  for (const plugin of host.built_ins) if (await install(host, plugin)) entered.push(plugin.manifest.name)
  return entered
}

async function install(host: Host, { manifest, definition }: BuiltInPlugin): Promise<boolean> {
  const { name, version } = manifest
  return withTx(systemCtx(host), async (ctx) => {
    await lockXact(ctx.db, `plugin:install:${name}`)
    const known = await rowOf(ctx.db, name)
    if (known?.version === version) return false
    await assertColumns(ctx.db, tablesOf(definition))
    const menu_names = await replaceMenus(host, ctx, known?.menu_names ?? [], definition.menus)
    await definition.seed?.(ctx)
    const row = { version, manifest, menu_names }
    await ctx.db
      .insert(pluginTable)
      .values({ ...row, name, source: 'built-in', enabled: true })
      .onConflictDoUpdate({ target: pluginTable.name, set: row })
    return known === undefined
  })
}

async function rowOf(db: Db, name: string) {
  const { version, menu_names } = pluginTable
  const [row] = await db.select({ version, menu_names }).from(pluginTable).where(eq(pluginTable.name, name))
  return row
}
