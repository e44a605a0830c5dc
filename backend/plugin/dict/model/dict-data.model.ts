import { integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const dictData = pgTable(
  'sys_dict_data',
  {
    id: id(),
    /** the code of its type: a copy, kept in step with it */
    type_code: varchar('type_code', { length: 32 }).notNull(),
    label: varchar('label', { length: 32 }).notNull(),
    value: varchar('value', { length: 32 }).notNull(),
    color: varchar('color', { length: 32 }),
    sort: integer('sort').notNull(),
    /** 0 shown, but not to be chosen; 1 in use */
    status: integer('status').notNull(),
    remark: text('remark'),
    type_id: bigId('type_id').notNull(),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_dict_data', table.id)],
)

export type DictData = typeof dictData.$inferSelect
export type NewDictData = typeof dictData.$inferInsert
