import { index, integer, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdTime, id, idIndex, wireTime } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

export const loginLog = pgTable(
  'sys_login_log',
  {
    id: id(),
    user_uuid: varchar('user_uuid', { length: 64 }).notNull(),
    username: varchar('username', { length: 64 }).notNull(),
    /** 0 failed, 1 succeeded */
    status: integer('status').notNull(),
    ip: varchar('ip', { length: 64 }).notNull(),
    country: varchar('country', { length: 64 }),
    region: varchar('region', { length: 64 }),
    city: varchar('city', { length: 64 }),
    user_agent: varchar('user_agent', { length: 512 }),
    os: varchar('os', { length: 64 }),
    browser: varchar('browser', { length: 64 }),
    device: varchar('device', { length: 64 }),
    msg: text('msg').notNull(),
    login_time: wireTime('login_time').notNull(),
    created_time: createdTime(),
  },
  (table) => [
    idIndex('sys_login_log', table.id),
    // Read backwards it gives the newest first.
    index('ix_sys_login_log_login_time').on(table.login_time, table.id),
    index('ix_sys_login_log_username').on(table.username),
  ],
)

export type LoginLog = typeof loginLog.$inferSelect
export type NewLoginLog = typeof loginLog.$inferInsert

export const loginLogScoped = scopedModel('LoginLog', loginLog, {
  columns: {
    id: '日志 ID',
    username: '用户名',
    status: '登录状态',
    ip: '登录 IP',
    country: '国家',
    region: '地区',
    city: '城市',
    os: '操作系统',
    browser: '浏览器',
    device: '设备',
    login_time: '登录时间',
    created_time: '创建时间',
  },
})
