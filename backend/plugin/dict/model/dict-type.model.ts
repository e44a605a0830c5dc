import { pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const dictType = pgTable(
  'sys_dict_type',
  {
    id: id(),
    name: varchar('name', { length: 32 }).notNull(),
    /** what pages ask for its values by */
    code: varchar('code', { length: 32 }).notNull().unique('sys_dict_type_code_key'),
    remark: text('remark'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_dict_type', table.id)],
)

export type DictType = typeof dictType.$inferSelect
export type NewDictType = typeof dictType.$inferInsert
