import type postgres from 'postgres'

type Sql = postgres.Sql<{ id: number; time: string }>
type Row = Record<string, unknown>
interface Held {
  owner_id: number
  id: number
  [column: string]: unknown
}

const userColumns = (sql: Sql) => sql`
  u.id, u.uuid, u.username, u.nickname, u.avatar, u.email, u.phone, u.status, u.is_superuser, u.is_staff, u.is_multi_login,
  u.join_time, u.last_login_time, u.dept_id`

export async function me(sql: Sql, id: number): Promise<Row | undefined> {
  const [row] = await sql<Row[]>`
    select ${userColumns(sql)}, d.name as dept, coalesce((
      select json_agg(held.name order by held.id) from (
        select distinct r.id, r.name from sys_user_role ur join sys_role r on r.id = ur.role_id
        where ur.user_id = u.id and r.status = 1) held), '[]') as roles
    from sys_user u left join sys_dept d on d.id = u.dept_id where u.id = ${id}`
  return row
}

export async function departmentTree(sql: Sql): Promise<Row[]> {
  const rows = await sql<{ id: number; parent_id: number | null }[]>`
    select id, name, parent_id, sort, leader, phone, email, status, del_flag, created_time, updated_time
    from sys_dept where del_flag = ${false} order by sort, id`
  const nodes = new Map(rows.map((row) => [row.id, { ...row, children: null as Row[] | null }]))
  const roots: Row[] = []
  for (const node of nodes.values()) {
    const parent = node.parent_id === null ? undefined : nodes.get(node.parent_id)
    if (parent === undefined) roots.push(node)
    else {
      parent.children ??= []
      parent.children.push(node)
    }
  }
  return roots
}

export async function usersPage(sql: Sql, page: number, size: number): Promise<Row> {
  const [users, totals] = await Promise.all([
    sql<(Row & { id: number })[]>`
      select ${userColumns(sql)}, d.id as d_id, d.name as d_name, d.parent_id as d_parent_id, d.sort as d_sort,
        d.leader as d_leader, d.phone as d_phone, d.email as d_email, d.status as d_status, d.del_flag as d_del_flag,
        d.created_time as d_created_time, d.updated_time as d_updated_time
      from sys_user u left join sys_dept d on d.id = u.dept_id
      order by u.id desc limit ${size} offset ${(page - 1) * size}`,
    sql<{ total: number }[]>`select count(*) as total from sys_user`,
  ])
  const roles = await rolesOf(
    sql,
    users.map(({ id }) => id),
  )
  const items = users.map((row) => ({ ...userOf(row), dept: deptOf(row), roles: roles.get(row.id) ?? [] }))
  return paged(items, totals[0]?.total ?? 0, page, size)
}

async function rolesOf(sql: Sql, user_ids: number[]): Promise<Map<number, Row[]>> {
  const roles = await sql<Held[]>`
    select distinct ur.user_id as owner_id, r.* from sys_user_role ur join sys_role r on r.id = ur.role_id
    where ur.user_id in ${sql(user_ids)} order by r.id`
  const role_ids = [...new Set(roles.map(({ id }) => id))]
  const [menus, scopes] = await Promise.all([
    sql<Held[]>`
      select distinct rm.role_id as owner_id, m.* from sys_role_menu rm join sys_menu m on m.id = rm.menu_id
      where rm.role_id in ${sql(role_ids)} order by m.id`,
    sql<Held[]>`
      select distinct rs.role_id as owner_id, s.* from sys_role_data_scope rs
      join sys_data_scope s on s.id = rs.data_scope_id where rs.role_id in ${sql(role_ids)} order by s.id`,
  ])
  const scope_ids = [...new Set(scopes.map(({ id }) => id))]
  const rules = await sql<Held[]>`
    select distinct sr.data_scope_id as owner_id, r.* from sys_data_scope_rule sr
    join sys_data_rule r on r.id = sr.data_rule_id where sr.data_scope_id in ${sql(scope_ids)} order by r.id`
  const rulesOf = byOwner(rules, bare)
  const scopesOf = byOwner(scopes, (scope) => ({ ...bare(scope), rules: rulesOf.get(scope.id) ?? [] }))
  const menusOf = byOwner(menus, bare)
  return byOwner(roles, (role) => ({
    ...bare(role),
    menus: menusOf.get(role.id) ?? [],
    scopes: scopesOf.get(role.id) ?? [],
  }))
}

function byOwner(held: readonly Held[], complete: (row: Held) => Row): Map<number, Row[]> {
  const rows = new Map<number, Row[]>()
  for (const row of held) {
    const known = rows.get(row.owner_id)
    if (known === undefined) rows.set(row.owner_id, [complete(row)])
    else known.push(complete(row))
  }
  return rows
}

const bare = ({ owner_id: _owner, ...row }: Held): Row => row

function userOf(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('d_')))
}

function deptOf(row: Row): Row | null {
  if (row.d_id === null) return null
  const columns = Object.entries(row).filter(([name]) => name.startsWith('d_'))
  return Object.fromEntries(columns.map(([name, value]) => [name.slice(2), value]))
}

function paged(items: Row[], total: number, page: number, size: number): Row {
  const total_pages = Math.ceil(total / size)
  const link = (number: number) => `/api/v1/sys/users?page=${number}&size=${size}`
  const links = {
    first: link(1),
    last: link(total_pages),
    self: link(page),
    next: page < total_pages ? link(page + 1) : null,
    prev: page > 1 ? link(page - 1) : null,
  }
  return { items, total, page, size, total_pages, links }
}
