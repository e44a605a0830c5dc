import { sql } from 'drizzle-orm'
import { boolean, jsonb, pgTable, varchar } from 'drizzle-orm/pg-core'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { RoutePattern } from '#backend/core/plugin/route-pattern'
import { bytea, updatedTime, wireTime } from '#backend/database/columns'

/** Where a plugin comes from: it ships with the product, or an administrator has brought it. */
export type PluginSource = 'built-in' | 'zip' | 'git'

/** The plugins of this installation. What of them is enabled makes the set that every process serves. */
export const plugin = pgTable('sys_plugin', {
  name: varchar('name', { length: 32 }).primaryKey(),
  version: varchar('version', { length: 32 }).notNull(),
  source: varchar('source', { length: 16 }).$type<PluginSource>().notNull(),
  enabled: boolean('enabled').notNull(),
  manifest: jsonb('manifest').$type<PluginManifest>().notNull(),
  /** SHA-256 of what was installed, in hexadecimal; null for those that ship with the product */
  digest: varchar('digest', { length: 64 }),
  archive: bytea('archive'),
  /** as they were when it was last enabled: by them its requests are told from those of no plugin */
  routes: jsonb('routes').$type<RoutePattern[]>().notNull().default([]),
  menu_names: jsonb('menu_names').$type<string[]>().notNull().default([]),
  installed_time: wireTime('installed_time')
    .notNull()
    .$default(() => sql`now()`),
  updated_time: updatedTime(),
})

export type Plugin = typeof plugin.$inferSelect
export type NewPlugin = typeof plugin.$inferInsert
