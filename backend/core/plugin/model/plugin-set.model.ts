import { integer, pgTable } from 'drizzle-orm/pg-core'
import { bigId } from '#backend/database/columns'

/** One row: the number of the set of plugins, which every change of it raises in its own transaction. */
export const pluginSet = pgTable('sys_plugin_set', {
  id: integer('id').primaryKey(),
  version: bigId('version').notNull(),
})
