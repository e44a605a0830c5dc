import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, uniqueIndex, varchar } from 'drizzle-orm/pg-core'
import { bigId, bytea, createdTime, id, idIndex, updatedTime, wireTime } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

export const user = pgTable(
  'sys_user',
  {
    id: id(),
    uuid: varchar('uuid', { length: 64 })
      .notNull()
      .unique('sys_user_uuid_key')
      .$default(() => randomUUID()),
    username: varchar('username', { length: 64 }).notNull(),
    nickname: varchar('nickname', { length: 64 }).notNull(),
    /** bcrypt; null for an account that only signs in elsewhere */
    password: varchar('password', { length: 256 }),
    /** kept for rows taken over; the salt of bcrypt is part of its hash */
    salt: bytea('salt'),
    email: varchar('email', { length: 256 }),
    phone: varchar('phone', { length: 11 }),
    avatar: varchar('avatar', { length: 256 }),
    /** 0 disabled, 1 enabled */
    status: integer('status')
      .notNull()
      .$default(() => 1),
    is_superuser: boolean('is_superuser')
      .notNull()
      .$default(() => false),
    /** may change things; others only read */
    is_staff: boolean('is_staff')
      .notNull()
      .$default(() => false),
    /** may hold several sessions at once */
    is_multi_login: boolean('is_multi_login')
      .notNull()
      .$default(() => false),
    join_time: wireTime('join_time')
      .notNull()
      .$default(() => sql`now()`),
    last_login_time: wireTime('last_login_time'),
    last_password_changed_time: wireTime('last_password_changed_time'),
    dept_id: bigId('dept_id'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [
    idIndex('sys_user', table.id),
    uniqueIndex('ix_sys_user_username').on(table.username),
    uniqueIndex('ix_sys_user_email').on(table.email),
    index('ix_sys_user_status').on(table.status),
    index('ix_sys_user_dept_id').on(table.dept_id),
  ],
)

export type User = typeof user.$inferSelect
export type NewUser = typeof user.$inferInsert

export const userScoped = scopedModel('User', user, {
  columns: {
    id: '用户 ID',
    username: '用户名',
    nickname: '昵称',
    email: '邮箱',
    phone: '手机号',
    status: '状态',
    is_superuser: '超级管理员',
    is_staff: '后台管理登录',
    join_time: '注册时间',
    last_login_time: '上次登录时间',
    dept_id: '部门 ID',
    created_time: '创建时间',
  },
  dept_column: 'dept_id',
  owner_column: 'id',
})
