import { boolean, index, integer, pgTable, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id, idIndex, updatedTime } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

export const dept = pgTable(
  'sys_dept',
  {
    id: id(),
    name: varchar('name', { length: 64 }).notNull(),
    sort: integer('sort')
      .notNull()
      .$default(() => 0),
    leader: varchar('leader', { length: 32 }),
    phone: varchar('phone', { length: 11 }),
    email: varchar('email', { length: 64 }),
    /** 0 disabled, 1 enabled */
    status: integer('status')
      .notNull()
      .$default(() => 1),
    /** true: deleted, kept for the rows that name it */
    del_flag: boolean('del_flag')
      .notNull()
      .$default(() => false),
    parent_id: bigId('parent_id'),
    created_time: createdTime(),
    updated_time: updatedTime(),
  },
  (table) => [idIndex('sys_dept', table.id), index('ix_sys_dept_parent_id').on(table.parent_id)],
)

export type Dept = typeof dept.$inferSelect
export type NewDept = typeof dept.$inferInsert

export const deptScoped = scopedModel('Dept', dept, {
  columns: {
    id: '部门 ID',
    name: '部门名称',
    leader: '负责人',
    phone: '联系电话',
    email: '邮箱',
    status: '状态',
    sort: '排序',
    parent_id: '父级部门 ID',
    created_time: '创建时间',
  },
  dept_column: 'id',
})
