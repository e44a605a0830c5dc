import { boolean, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const config = pgTable(
  'sys_config',
  {
    id: id(),
    name: varchar('name', { length: 32 }).notNull(),
    /** the tab of the front end's page that shows it */
    type: varchar('type', { length: 32 }),
    key: varchar('key', { length: 64 }).notNull().unique('sys_config_key_key'),
    value: text('value').notNull(),
    is_frontend: boolean('is_frontend').notNull(),
    remark: text('remark'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_config', table.id)],
)

export type ConfigRow = typeof config.$inferSelect
export type NewConfigRow = typeof config.$inferInsert
