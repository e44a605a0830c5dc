import { index, pgTable, primaryKey, uuid, varchar } from 'drizzle-orm/pg-core'
import { instant } from '#backend/database/columns'

/** One row per time at which a task was due: whoever inserts it runs the task. */
export const pluginTaskSlot = pgTable(
  'sys_plugin_task_slot',
  {
    task: varchar('task', { length: 160 }).notNull(),
    due_time: instant('due_time').notNull(),
    process_id: uuid('process_id').notNull(),
  },
  ({ task, due_time }) => [
    primaryKey({ columns: [task, due_time] }),
    index('ix_sys_plugin_task_slot_due_time').on(due_time),
  ],
)
