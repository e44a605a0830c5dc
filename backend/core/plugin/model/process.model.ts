import { integer, pgTable, text, uuid, varchar } from 'drizzle-orm/pg-core'
import { bigId, instant } from '#backend/database/columns'

/** The processes that serve, each as long as it renews its row. */
export const serverProcess = pgTable('sys_process', {
  process_id: uuid('process_id').primaryKey(),
  host: varchar('host', { length: 255 }).notNull(),
  pid: integer('pid').notNull(),
  started_time: instant('started_time').notNull(),
  heartbeat_time: instant('heartbeat_time').notNull(),
  /** the set of plugins that it serves; null: it is starting and serves nothing yet */
  set_version: bigId('set_version'),
  /** the oldest set of which it answers a request or runs a task still */
  oldest_set_version: bigId('oldest_set_version'),
  /** why it cannot serve the newest set */
  set_error: text('set_error'),
})
