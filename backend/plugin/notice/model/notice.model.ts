import { integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, updatedTime } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

export const notice = pgTable(
  'sys_notice',
  {
    id: id(),
    title: varchar('title', { length: 64 }).notNull(),
    /** 0 notice, 1 announcement */
    type: integer('type').notNull(),
    status: integer('status').notNull(),
    /** Markdown */
    content: text('content').notNull(),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_notice', table.id)],
)

export type Notice = typeof notice.$inferSelect
export type NewNotice = typeof notice.$inferInsert

export const noticeScoped = scopedModel('Notice', notice, {
  columns: {
    id: '通知公告 ID',
    title: '标题',
    type: '类型',
    status: '状态',
    created_time: '创建时间',
    updated_time: '更新时间',
  },
})
