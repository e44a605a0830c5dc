import { integer, pgTable, varchar } from 'drizzle-orm/pg-core'
import type { LogKind, LogRemoval } from '#backend/common/enums'
import { bigId, createdTime, id, wireTime } from '#backend/database/columns'

/** What remains of removed log rows: who removed how much of which time. Rows are only ever added. */
export const logTombstone = pgTable('sys_log_tombstone', {
  id: id(),
  log: varchar('log', { length: 16 }).$type<LogKind>().notNull(),
  action: varchar('action', { length: 16 }).$type<LogRemoval>().notNull(),
  removed_count: integer('removed_count').notNull(),
  /** of the removed rows; null when there were none */
  oldest_time: wireTime('oldest_time'),
  newest_time: wireTime('newest_time'),
  user_id: bigId('user_id').notNull(),
  username: varchar('username', { length: 64 }).notNull(),
  ip: varchar('ip', { length: 64 }).notNull(),
  trace_id: varchar('trace_id', { length: 64 }).notNull(),
  created_time: createdTime(),
})

export type LogTombstone = typeof logTombstone.$inferSelect
export type NewLogTombstone = typeof logTombstone.$inferInsert
/** What a removal took away. */
export type Removed = Pick<LogTombstone, 'removed_count' | 'oldest_time' | 'newest_time'>
