import { sql } from 'drizzle-orm'
import { doublePrecision, index, integer, json, pgTable, text, uniqueIndex, uuid, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id, idIndex, wireTime } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

export const operaLog = pgTable(
  'sys_opera_log',
  {
    id: id(),
    trace_id: varchar('trace_id', { length: 64 }).notNull(),
    username: varchar('username', { length: 64 }),
    method: varchar('method', { length: 32 }).notNull(),
    title: varchar('title', { length: 256 }).notNull(),
    path: varchar('path', { length: 512 }).notNull(),
    ip: varchar('ip', { length: 64 }).notNull(),
    country: varchar('country', { length: 64 }),
    region: varchar('region', { length: 64 }),
    city: varchar('city', { length: 64 }),
    user_agent: varchar('user_agent', { length: 512 }),
    os: varchar('os', { length: 64 }),
    browser: varchar('browser', { length: 64 }),
    device: varchar('device', { length: 64 }),
    /** what the request carried, secrets redacted */
    args: json('args').$type<Record<string, unknown>>(),
    /** 0 failed, 1 succeeded */
    status: integer('status').notNull(),
    code: varchar('code', { length: 32 }).notNull(),
    msg: text('msg'),
    /** milliseconds */
    cost_time: doublePrecision('cost_time').notNull(),
    opera_time: wireTime('opera_time').notNull(),
    created_time: createdTime(),
    /** the process that wrote it, and the record's place in what it wrote; null in rows of the Python original */
    stream: uuid('stream'),
    seq: bigId('seq'),
    prev_hash: varchar('prev_hash', { length: 64 }),
    hash: varchar('hash', { length: 64 }),
    /** the rows that the request changed */
    diff: json('diff').$type<unknown[]>(),
  },
  (table) => [
    idIndex('sys_opera_log', table.id),
    // Read backwards they give the newest first.
    index('ix_sys_opera_log_opera_time').on(table.opera_time, table.id),
    index('ix_sys_opera_log_username_time').on(table.username, table.opera_time, table.id),
    index('ix_sys_opera_log_ip').on(table.ip.op('varchar_pattern_ops')),
    index('ix_sys_opera_log_failed').on(table.opera_time, table.id).where(sql`status = 0`),
    uniqueIndex('ix_sys_opera_log_stream').on(table.stream, table.seq).where(sql`stream is not null`),
  ],
)

export type OperaLog = typeof operaLog.$inferSelect
export type NewOperaLog = typeof operaLog.$inferInsert

export const operaLogScoped = scopedModel('OperaLog', operaLog, {
  columns: {
    id: '日志 ID',
    username: '用户名',
    method: '请求方法',
    title: '操作标题',
    path: '请求路径',
    ip: '操作 IP',
    status: '操作状态',
    code: '状态码',
    opera_time: '操作时间',
    created_time: '创建时间',
  },
})
