import { index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { bigId, idIndex, serialId } from '#backend/database/columns'

export const userRole = pgTable(
  'sys_user_role',
  {
    id: serialId(),
    user_id: bigId('user_id').notNull(),
    role_id: bigId('role_id').notNull(),
  },
  (table) => [
    primaryKey({ name: 'sys_user_role_pkey', columns: [table.id, table.user_id, table.role_id] }),
    idIndex('sys_user_role', table.id),
    index('ix_sys_user_role_user_id').on(table.user_id),
    index('ix_sys_user_role_role_id').on(table.role_id),
  ],
)

export type UserRole = typeof userRole.$inferSelect
export type NewUserRole = typeof userRole.$inferInsert
