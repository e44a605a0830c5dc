import { index, pgTable, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id, idIndex } from '#backend/database/columns'

export const userPasswordHistory = pgTable(
  'sys_user_password_history',
  {
    id: id(),
    user_id: bigId('user_id').notNull(),
    /** a hash that was in use once */
    password: varchar('password', { length: 256 }).notNull(),
    created_time: createdTime(),
  },
  (table) => [
    idIndex('sys_user_password_history', table.id),
    index('ix_sys_user_password_history_user_id').on(table.user_id),
  ],
)

export type UserPasswordHistory = typeof userPasswordHistory.$inferSelect
export type NewUserPasswordHistory = typeof userPasswordHistory.$inferInsert
