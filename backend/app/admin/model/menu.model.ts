import { index, integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id, idIndex, updatedTime } from '#backend/database/columns'

export const menu = pgTable(
  'sys_menu',
  {
    id: id(),
    /** text, or a key of the front end's dictionary */
    title: varchar('title', { length: 64 }).notNull(),
    name: varchar('name', { length: 64 }).notNull(),
    path: varchar('path', { length: 200 }),
    sort: integer('sort')
      .notNull()
      .$default(() => 0),
    icon: varchar('icon', { length: 128 }),
    /** 0 directory, 1 page, 2 button, 3 embedded page, 4 external link */
    type: integer('type').notNull(),
    component: varchar('component', { length: 256 }),
    /** permission codes, separated by commas: of a page its read code, of a button its action's */
    perms: varchar('perms', { length: 128 }),
    /** 0 disabled, 1 enabled */
    status: integer('status')
      .notNull()
      .$default(() => 1),
    /** 0 hidden, 1 shown in the sidebar */
    display: integer('display')
      .notNull()
      .$default(() => 1),
    /** 0 or 1: the front end keeps the page alive */
    cache: integer('cache')
      .notNull()
      .$default(() => 1),
    link: text('link'),
    remark: text('remark'),
    parent_id: bigId('parent_id'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_menu', table.id), index('ix_sys_menu_parent_id').on(table.parent_id)],
)

export type Menu = typeof menu.$inferSelect
export type NewMenu = typeof menu.$inferInsert
