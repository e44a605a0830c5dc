import { sql } from 'drizzle-orm'
import { splitCodes } from '#backend/common/codes'
import type { Actor, ActorScope } from '#backend/core/actor'
import type { Db } from '#backend/database/db'

interface Row extends Record<string, unknown> {
  uuid: string
  username: string
  is_superuser: boolean
  is_staff: boolean
  dept_id: string | null
  expires_at: string
  roles: { id: number; is_filter_scopes: boolean }[]
  perms: string[]
  scopes: ActorScope[]
  dept_tree: number[]
}

/**
 * The actor of a living session of an enabled user in an enabled department, in one query; null when any of that does
 * not hold. Only enabled roles, menus and scopes count. `idle_seconds` 0: a session lives however long it is unused.
 */
export async function loadActor(
  db: Db,
  session_uuid: string,
  user_id: number,
  idle_seconds: number,
): Promise<Actor | null> {
  const [row] = await db.execute<Row>(sql`
    with recursive
    held as (
      select distinct r.id, r.is_filter_scopes from sys_user_role ur join sys_role r on r.id = ur.role_id
      where ur.user_id = ${user_id} and r.status = 1
    ),
    held_scopes as (
      select distinct s.id from held join sys_role_data_scope rs on rs.role_id = held.id
      join sys_data_scope s on s.id = rs.data_scope_id and s.status = 1
    ),
    tree(id) as (
      select d.id from sys_dept d join sys_user u on u.dept_id = d.id where u.id = ${user_id}
      union
      select d.id from sys_dept d join tree t on d.parent_id = t.id where not d.del_flag
    )
    select u.uuid, u.username, u.is_superuser, u.is_staff, u.dept_id,
      extract(epoch from s.expire_time) * 1000 as expires_at,
      coalesce((select json_agg(held) from held), '[]') as roles,
      coalesce((select json_agg(distinct m.perms) from held join sys_role_menu rm on rm.role_id = held.id
        join sys_menu m on m.id = rm.menu_id where m.status = 1 and m.perms is not null), '[]') as perms,
      coalesce((select json_agg(json_build_object('id', hs.id, 'rules', (
        select coalesce(json_agg(json_build_object('model', r.model, 'column', r."column", 'operator', r.operator,
          'expression', r.expression, 'value', r.value) order by r.id), '[]')
        from sys_data_scope_rule sr join sys_data_rule r on r.id = sr.data_rule_id where sr.data_scope_id = hs.id
      )) order by hs.id) from held_scopes hs), '[]') as scopes,
      coalesce((select json_agg(tree.id order by tree.id) from tree), '[]') as dept_tree
    from sys_session s join sys_user u on u.id = s.user_id left join sys_dept d on d.id = u.dept_id
    where s.session_uuid = ${session_uuid} and s.user_id = ${user_id} and s.ended_time is null and s.expire_time > now()
      and (${idle_seconds}::float8 = 0 or s.last_active_time > now() - make_interval(secs => ${idle_seconds}))
      and u.status = 1 and (u.dept_id is null or (d.status = 1 and not d.del_flag))`)
  return row === undefined ? null : toActor(row, session_uuid, user_id)
}

function toActor(row: Row, session_uuid: string, user_id: number): Actor {
  return Object.freeze({
    kind: 'user',
    user_id,
    user_uuid: row.uuid,
    username: row.username,
    session_uuid,
    is_superuser: row.is_superuser,
    is_staff: row.is_staff,
    dept_id: row.dept_id === null ? null : Number(row.dept_id),
    dept_tree: row.dept_tree,
    role_ids: row.roles.map(({ id }) => id),
    permissions: new Set(row.perms.flatMap(splitCodes)),
    is_filtered: !row.is_superuser && row.roles.every(({ is_filter_scopes }) => is_filter_scopes),
    scopes: row.scopes,
    session_expires_at: Number(row.expires_at),
  })
}
