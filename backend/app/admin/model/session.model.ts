import { sql } from 'drizzle-orm'
import { index, pgTable, varchar } from 'drizzle-orm/pg-core'
import { bigId, instant } from '#backend/database/columns'

/** One signed-in device. The row is the truth about a session: it is alive while `ended_time` is null and `expire_time` lies ahead. */
export const session = pgTable(
  'sys_session',
  {
    session_uuid: varchar('session_uuid', { length: 64 }).primaryKey(),
    user_id: bigId('user_id').notNull(),
    /** sha-256 (hex) of the jti of the refresh token that is valid now */
    refresh_hash: varchar('refresh_hash', { length: 64 }).notNull(),
    /** the one before, to tell two refreshes at once from a stolen token */
    previous_refresh_hash: varchar('previous_refresh_hash', { length: 64 }),
    /** when the refresh token was last rotated */
    refreshed_time: instant('refreshed_time'),
    ip: varchar('ip', { length: 64 }).notNull(),
    user_agent: varchar('user_agent', { length: 512 }),
    os: varchar('os', { length: 64 }),
    browser: varchar('browser', { length: 64 }),
    device: varchar('device', { length: 64 }),
    created_time: instant('created_time')
      .notNull()
      .$default(() => sql`now()`),
    last_active_time: instant('last_active_time')
      .notNull()
      .$default(() => sql`now()`),
    /** the end that no refresh moves */
    expire_time: instant('expire_time').notNull(),
    ended_time: instant('ended_time'),
    ended_reason: varchar('ended_reason', { length: 32 }),
  },
  (table) => [
    index('ix_sys_session_user_id').on(table.user_id),
    // Nulls first because that is what `order by ... desc` asks for: an index that puts them last cannot serve it.
    index('ix_sys_session_last_active_time')
      .on(table.last_active_time.desc().nullsFirst(), table.session_uuid)
      .where(sql`${table.ended_time} is null`),
  ],
)

export type Session = typeof session.$inferSelect
export type NewSession = typeof session.$inferInsert
