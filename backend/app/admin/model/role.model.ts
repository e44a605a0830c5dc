import { boolean, integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const role = pgTable(
  'sys_role',
  {
    id: id(),
    name: varchar('name', { length: 32 }).notNull().unique('sys_role_name_key'),
    /** 0 disabled, 1 enabled */
    status: integer('status')
      .notNull()
      .$default(() => 1),
    /** false: the role's users see every row */
    is_filter_scopes: boolean('is_filter_scopes')
      .notNull()
      .$default(() => true),
    remark: text('remark'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_role', table.id)],
)

export type Role = typeof role.$inferSelect
export type NewRole = typeof role.$inferInsert
