import { index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { bigId, idIndex, serialId } from '#backend/database/columns'

export const roleDataScope = pgTable(
  'sys_role_data_scope',
  {
    id: serialId(),
    role_id: bigId('role_id').notNull(),
    data_scope_id: bigId('data_scope_id').notNull(),
  },
  (table) => [
    primaryKey({ name: 'sys_role_data_scope_pkey', columns: [table.id, table.role_id, table.data_scope_id] }),
    idIndex('sys_role_data_scope', table.id),
    index('ix_sys_role_data_scope_role_id').on(table.role_id),
    index('ix_sys_role_data_scope_data_scope_id').on(table.data_scope_id),
  ],
)

export type RoleDataScope = typeof roleDataScope.$inferSelect
export type NewRoleDataScope = typeof roleDataScope.$inferInsert
