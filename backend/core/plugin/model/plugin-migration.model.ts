import { sql } from 'drizzle-orm'
import { pgTable, primaryKey, varchar } from 'drizzle-orm/pg-core'
import { wireTime } from '#backend/database/columns'

/** What of the migrations of plugins has been applied. */
export const pluginMigration = pgTable(
  'sys_plugin_migration',
  {
    plugin: varchar('plugin', { length: 32 }).notNull(),
    name: varchar('name', { length: 128 }).notNull(),
    /** SHA-256 of the file that was applied */
    hash: varchar('hash', { length: 64 }).notNull(),
    applied_time: wireTime('applied_time')
      .notNull()
      .$default(() => sql`now()`),
  },
  ({ plugin, name }) => [primaryKey({ columns: [plugin, name] })],
)
