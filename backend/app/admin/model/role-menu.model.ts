import { index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { bigId, idIndex, serialId } from '#backend/database/columns'

export const roleMenu = pgTable(
  'sys_role_menu',
  {
    id: serialId(),
    role_id: bigId('role_id').notNull(),
    menu_id: bigId('menu_id').notNull(),
  },
  (table) => [
    primaryKey({ name: 'sys_role_menu_pkey', columns: [table.id, table.role_id, table.menu_id] }),
    idIndex('sys_role_menu', table.id),
    index('ix_sys_role_menu_role_id').on(table.role_id),
    index('ix_sys_role_menu_menu_id').on(table.menu_id),
  ],
)

export type RoleMenu = typeof roleMenu.$inferSelect
export type NewRoleMenu = typeof roleMenu.$inferInsert
