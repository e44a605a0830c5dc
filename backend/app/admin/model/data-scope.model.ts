import { integer, pgTable, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const dataScope = pgTable(
  'sys_data_scope',
  {
    id: id(),
    name: varchar('name', { length: 64 }).notNull().unique('sys_data_scope_name_key'),
    /** 0 disabled, 1 enabled */
    status: integer('status')
      .notNull()
      .$default(() => 1),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_data_scope', table.id)],
)

export type DataScope = typeof dataScope.$inferSelect
export type NewDataScope = typeof dataScope.$inferInsert
