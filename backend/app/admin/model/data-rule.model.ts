import { integer, pgTable, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const dataRule = pgTable(
  'sys_data_rule',
  {
    id: id(),
    name: varchar('name', { length: 512 }).notNull().unique('sys_data_rule_name_key'),
    /** the scoped model it filters, or `__ALL__` */
    model: varchar('model', { length: 64 }).notNull(),
    column: varchar('column', { length: 32 }).notNull(),
    /** 0 AND, 1 OR */
    operator: integer('operator').notNull(),
    /** 0 ==, 1 !=, 2 >, 3 >=, 4 <, 5 <=, 6 in, 7 not in */
    expression: integer('expression').notNull(),
    /** a literal, or a variable such as `${dept_id}` */
    value: varchar('value', { length: 256 }).notNull(),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_data_rule', table.id)],
)

export type DataRule = typeof dataRule.$inferSelect
export type NewDataRule = typeof dataRule.$inferInsert
