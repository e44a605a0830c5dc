import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditRemoval } from '#backend/app/admin/model/audit-removal.model'
import { auditStream } from '#backend/app/admin/model/audit-stream.model'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { dept } from '#backend/app/admin/model/dept.model'
import { logTombstone } from '#backend/app/admin/model/log-tombstone.model'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { userPasswordHistory } from '#backend/app/admin/model/user-password-history.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { plugin } from '#backend/core/plugin/model/plugin.model'
import { pluginMigration } from '#backend/core/plugin/model/plugin-migration.model'
import { pluginSet } from '#backend/core/plugin/model/plugin-set.model'
import { pluginTaskSlot } from '#backend/core/plugin/model/plugin-task-slot.model'
import { serverProcess } from '#backend/core/plugin/model/process.model'
import { type Database, openDatabase } from '#backend/database/db'
import { config } from '#backend/plugin/config/model/config.model'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { notice } from '#backend/plugin/notice/model/notice.model'
import { contractTables, type TableFacts } from '#backend/tests/contract/database'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

const MODELS: PgTable[] = [
  user,
  role,
  menu,
  dept,
  dataScope,
  dataRule,
  userRole,
  roleMenu,
  roleDataScope,
  dataScopeRule,
  loginLog,
  operaLog,
  userPasswordHistory,
  session,
  logTombstone,
  auditStream,
  auditRemoval,
  plugin,
  pluginMigration,
  pluginSet,
  pluginTaskSlot,
  serverProcess,
  dictType,
  dictData,
  config,
  notice,
]

// What this schema has beyond the contract. None of it gets in the way of a program that knows only the contract.
const ADDED_TABLES = [
  'sys_session',
  'sys_log_tombstone',
  'sys_audit_stream',
  'sys_audit_removal',
  'sys_plugin',
  'sys_plugin_migration',
  'sys_plugin_set',
  'sys_plugin_task_slot',
  'sys_process',
]
const ADDED_INDEXES: Record<string, string[]> = {
  sys_data_scope_rule: ['ix_sys_data_scope_rule_data_rule_id', 'ix_sys_data_scope_rule_data_scope_id'],
  sys_login_log: ['ix_sys_login_log_login_time', 'ix_sys_login_log_username'],
  sys_opera_log: [
    'ix_sys_opera_log_failed',
    'ix_sys_opera_log_ip',
    'ix_sys_opera_log_opera_time',
    'ix_sys_opera_log_username_time',
  ],
  sys_role_data_scope: ['ix_sys_role_data_scope_data_scope_id', 'ix_sys_role_data_scope_role_id'],
  sys_role_menu: ['ix_sys_role_menu_menu_id', 'ix_sys_role_menu_role_id'],
  sys_user: ['ix_sys_user_dept_id'],
  sys_user_role: ['ix_sys_user_role_role_id', 'ix_sys_user_role_user_id'],
}

const ADDED_UNIQUE_INDEXES: Record<string, Record<string, string[]>> = {
  sys_opera_log: { ix_sys_opera_log_stream: ['stream', 'seq'] },
}
const nullable = (type: string) => ({ type, nullable: true })
/** Columns that may be left out, and one that takes longer texts. */
const ADDED_COLUMNS: Record<string, TableFacts['columns']> = {
  sys_opera_log: {
    trace_id: { type: 'character varying(64)', nullable: false },
    stream: nullable('uuid'),
    seq: nullable('bigint'),
    prev_hash: nullable('character varying(64)'),
    hash: nullable('character varying(64)'),
    diff: nullable('json'),
  },
}

let clone: TestDatabase
let database: Database
let tables: Record<string, TableFacts>

beforeAll(async () => {
  clone = await createTestDatabase()
  database = openDatabase({ url: clone.url, time_zone: 'Asia/Shanghai', pool_size: 2 })
  tables = await readTables(database)
})

afterAll(async () => {
  await database.close()
  await clone.drop()
})

test('the migrated database has the tables of the contract and the documented additions, no others', () => {
  expect(Object.keys(tables).sort()).toEqual([...Object.keys(contractTables), ...ADDED_TABLES].sort())
})

describe.each(Object.entries(contractTables))('%s', (name, facts) => {
  test('has every column of the contract with its type, nullability and default, and no other', () => {
    expect(tables[name]?.columns).toEqual({ ...facts.columns, ...ADDED_COLUMNS[name] })
  })

  test('has the primary key and every unique index of the contract by name and columns, and no other', () => {
    expect(tables[name]?.primary_key).toEqual(facts.primary_key)
    expect(tables[name]?.unique_indexes).toEqual({ ...facts.unique_indexes, ...ADDED_UNIQUE_INDEXES[name] })
  })

  test('has the other indexes of the contract and the documented additions, no others', () => {
    const { indexes = {} } = tables[name] ?? {}
    expect(indexes).toMatchObject(facts.indexes)
    expect(Object.keys(indexes).sort()).toEqual([...Object.keys(facts.indexes), ...(ADDED_INDEXES[name] ?? [])].sort())
  })
})

test('the models say of every table what the database says, under property names that are the column names', () => {
  const models = Object.fromEntries(MODELS.map((model) => [getTableConfig(model).name, model]))
  expect(Object.keys(models).sort()).toEqual(Object.keys(tables).sort())
  for (const [name, { columns }] of Object.entries(tables)) {
    const model = models[name]
    if (!model) throw new Error(`no model of ${name}`)
    const nullability = getTableConfig(model).columns.map((column) => [column.name, !column.notNull])
    expect(Object.fromEntries(nullability)).toEqual(
      Object.fromEntries(Object.entries(columns).map(([column, { nullable }]) => [column, nullable])),
    )
    for (const { name: column } of getTableConfig(model).columns) expect(model).toHaveProperty(column)
  }
})

test('the newest active sessions are found by index, without a sort', async () => {
  const plan = await database.sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`
    await tx`set local enable_sort = off`
    return tx`explain select * from sys_session where ended_time is null order by last_active_time desc, session_uuid limit 20`
  })
  const text = plan.map((row) => String(row['QUERY PLAN'])).join('\n')
  expect(text).toContain('ix_sys_session_last_active_time')
  expect(text).not.toContain('Sort')
})

async function readTables({ sql }: Database): Promise<Record<string, TableFacts>> {
  const columns = await sql<
    { table: string; name: string; type: string; nullable: boolean; default: string | null }[]
  >`select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as nullable,
           pg_get_expr(d.adbin, d.adrelid) as default
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`
  const indexes = await sql<{ table: string; name: string; unique: boolean; primary: boolean; columns: string[] }[]>`
    select t.relname as table, i.relname as name, x.indisunique as unique, x.indisprimary as primary,
           array(select a.attname::text from unnest(x.indkey::smallint[]) with ordinality as k (attnum, position)
                   join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum order by k.position) as columns
      from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
     where t.relnamespace = 'public'::regnamespace`
  const names = new Set(columns.map(({ table }) => table))
  return Object.fromEntries(
    [...names].map((table) => {
      const own = indexes.filter((index) => index.table === table)
      const primary = own.find((index) => index.primary)
      const byName = (unique: boolean) =>
        Object.fromEntries(
          own
            .filter((index) => !index.primary && index.unique === unique)
            .map((index) => [index.name, [...index.columns]]),
        )
      const facts: TableFacts = {
        columns: Object.fromEntries(
          columns
            .filter((column) => column.table === table)
            .map(({ name, type, nullable, default: value }) => [
              name,
              { type, nullable, ...(value === null ? {} : { default: value }) },
            ]),
        ),
        primary_key: { name: primary?.name ?? '', columns: [...(primary?.columns ?? [])] },
        unique_indexes: byName(true),
        indexes: byName(false),
      }
      return [table, facts]
    }),
  )
}
