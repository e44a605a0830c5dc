import { index, integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, wireTime } from '#backend/database/columns'

export const loginLog = pgTable(
  'sys_login_log',
  {
    id: id(),
    user_uuid: varchar('user_uuid', { length: 64 }).notNull(),
    username: varchar('username', { length: 64 }).notNull(),
    /** 0 failed, 1 succeeded */
    status: integer('status').notNull(),
    ip: varchar('ip', { length: 64 }).notNull(),
    country: varchar('country', { length: 64 }),
    region: varchar('region', { length: 64 }),
    city: varchar('city', { length: 64 }),
    user_agent: varchar('user_agent', { length: 512 }),
    os: varchar('os', { length: 64 }),
    browser: varchar('browser', { length: 64 }),
    device: varchar('device', { length: 64 }),
    msg: text('msg').notNull(),
    login_time: wireTime('login_time').notNull(),
    created_time: createdTime(),
  },
  (table) => [
    idIndex('sys_login_log', table.id),
    // Read backwards it gives the newest first.
    index('ix_sys_login_log_login_time').on(table.login_time, table.id),
    index('ix_sys_login_log_username').on(table.username),
  ],
)

export type LoginLog = typeof loginLog.$inferSelect
export type NewLoginLog = typeof loginLog.$inferInsert
