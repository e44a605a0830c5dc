import { index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { bigId, idIndex, serialId } from '#backend/database/columns'

export const dataScopeRule = pgTable(
  'sys_data_scope_rule',
  {
    id: serialId(),
    data_scope_id: bigId('data_scope_id').notNull(),
    data_rule_id: bigId('data_rule_id').notNull(),
  },
  (table) => [
    primaryKey({ name: 'sys_data_scope_rule_pkey', columns: [table.id, table.data_scope_id, table.data_rule_id] }),
    idIndex('sys_data_scope_rule', table.id),
    index('ix_sys_data_scope_rule_data_scope_id').on(table.data_scope_id),
    index('ix_sys_data_scope_rule_data_rule_id').on(table.data_rule_id),
  ],
)

export type DataScopeRule = typeof dataScopeRule.$inferSelect
export type NewDataScopeRule = typeof dataScopeRule.$inferInsert
