import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'

const LOCAL_URL = 'postgres://postgres@127.0.0.1:5432/postgres'
export const USERS = 200
export const DEPARTMENTS = 50

export interface OwnDatabase {
  url: string
  drop(): Promise<void>
}

/** A new database on DATABASE_URL or the local server; undefined where nothing answers and nothing was asked for. */
export async function createDatabase(): Promise<OwnDatabase | undefined> {
  const given = process.env.DATABASE_URL
  const name = `fba_bench_${randomBytes(6).toString('hex')}`
  const server_url = given ?? LOCAL_URL
  try {
    await within(server_url, (sql) => sql`create database ${sql(name)}`)
  } catch (error) {
    if (given === undefined) return undefined
    throw error
  }
  const url = new URL(server_url)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => within(server_url, (sql) => sql`drop database if exists ${sql(name)} with (force)`),
  }
}

/** Where the product's embedded PostgreSQL listens. */
export function embeddedUrl(data_dir: string): string {
  const password = readFileSync(join(data_dir, 'postgres.password'), 'utf8').trim()
  const port = readFileSync(join(data_dir, 'postgres.run', 'port'), 'utf8').trim()
  return `postgres://fba:${password}@127.0.0.1:${port}/fba`
}

async function within(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Departments three levels deep; users with two of ten roles each; roles with eight menus, one scope and its rule. */
export async function seedSample(url: string): Promise<void> {
  await within(url, async (sql) => {
    await sql`
      insert into sys_dept (name, sort, leader, phone, email, status, del_flag, parent_id, created_time)
      select 'Department ' || n, n, 'Leader ' || n, '13800000000', 'dept' || n || '@example.com', 1, false, null, now()
      from generate_series(1, ${DEPARTMENTS}::int) n`
    await sql`
      with numbered as (select id, row_number() over (order by id) as n from sys_dept where name like 'Department %')
      update sys_dept d set parent_id = above.id from numbered own
      join numbered above on above.n = case when own.n <= 5 then null when own.n <= 20 then 1 + own.n % 5 else 6 + own.n % 15 end
      where d.id = own.id`
    await sql`
      insert into sys_user (uuid, username, nickname, email, phone, status, is_superuser, is_staff, is_multi_login,
        join_time, last_login_time, dept_id, created_time)
      select gen_random_uuid()::text, 'bench' || n, '用户 ' || n, 'bench' || n || '@example.com', '13900000000', 1, false, true,
        true, now(), now(), (select min(id) from sys_dept where name = 'Department ' || 1 + n % ${DEPARTMENTS}::int), now()
      from generate_series(1, ${USERS}::int) n`
    await seedRoles(sql)
    await sql`analyze`
  })
}

async function seedRoles(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into sys_role (name, status, is_filter_scopes, remark, created_time)
    select 'Bench role ' || n, 1, true, null, now() from generate_series(1, 10) n`
  await sql`
    insert into sys_data_scope (name, status, created_time)
    select 'Bench scope ' || n, 1, now() from generate_series(1, 4) n`
  await sql`
    insert into sys_data_rule (name, model, "column", operator, expression, value, created_time)
    select 'Bench rule ' || n, 'User', 'dept_id', 0, 0, n::text, now() from generate_series(1, 4) n`
  await sql`
    insert into sys_data_scope_rule (data_scope_id, data_rule_id)
    select s.id, r.id from sys_data_scope s join sys_data_rule r on right(r.name, 1) = right(s.name, 1)
    where s.name like 'Bench %' and r.name like 'Bench %'`
  await sql`
    insert into sys_role_data_scope (role_id, data_scope_id)
    select r.id, (select id from sys_data_scope where name = 'Bench scope ' || 1 + r.id % 4)
    from sys_role r where r.name like 'Bench %'`
  await sql`
    insert into sys_role_menu (role_id, menu_id)
    select r.id, m.id from sys_role r cross join lateral (select id from sys_menu order by id offset r.id % 10 limit 8) m
    where r.name like 'Bench %'`
  await sql`
    insert into sys_user_role (user_id, role_id)
    select u.id, r.id from sys_user u
    join (select id, row_number() over (order by id) as n from sys_role where name like 'Bench %') r
      on r.n in (1 + u.id % 10, 1 + (u.id + 3) % 10)
    where u.username like 'bench%'`
}
