import { randomBytes } from 'node:crypto'
import { hash } from '@node-rs/bcrypt'
import { splitCodes } from '#backend/common/codes'
import { type Cluster, HASH_COST } from '#backend/tests/model/cluster'

/** What the processes are expected to know: the definition in memory that their answers are compared with. */
export interface World {
  people: Person[]
  roles: Role[]
  depts: Dept[]
  sessions: Session[]
  /** Holds everything, and nobody acts on them: there is always an administrator. */
  boss: Person
  /** All there are, which is what a superuser holds. */
  codes: readonly string[]
  menus: readonly Menu[]
  /** For how many more actions the stores stay as broken as they are; 0: nothing is broken. */
  actions_until_healed: number
  /** What was done and how it was answered. */
  trace: string[]
}

export interface Menu {
  id: number
  code: string
}

export interface Person {
  id: number
  username: string
  password: string
  former_passwords: string[]
  is_enabled: boolean
  is_superuser: boolean
  is_staff: boolean
  is_multi_login: boolean
  dept: Dept | undefined
  roles: Set<Role>
  is_deleted: boolean
}

export interface Role {
  id: number
  name: string
  is_enabled: boolean
  menus: Set<Menu>
}

export interface Dept {
  id: number
  name: string
  is_enabled: boolean
}

export interface Session {
  label: string
  uuid: string
  owner: Person
  token: string
  /** The last one is valid. */
  refresh_tokens: string[]
  rotated_at: number
  /** Why it is dead; undefined: alive. */
  end: string | undefined
  /** Its death has been seen on every process. */
  is_buried: boolean
}

export const CODE = {
  read_roles: 'sys:role:get',
  read_depts: 'sys:dept:get',
  read_users: 'sys:user:get',
  remove_dept: 'sys:dept:del',
  end_session: 'monitor:session:del',
} as const

const PEOPLE = 6
const ROLES = 3
const DEPTS = 3
const FIRST_PASSWORD = 'First-123'

export async function createWorld({ database }: Cluster): Promise<World> {
  const { sql } = database
  const mark = randomBytes(4).toString('hex')
  const menus = await sql<Menu[]>`
    select min(id)::int as id, perms as code from sys_menu
    where status = 1 and perms = any(${Object.values(CODE)}) group by perms order by perms`
  if (menus.length < Object.keys(CODE).length) throw new Error('a code of the model is carried by no menu')
  const perms = await sql<{ perms: string }[]>`
    select distinct perms from sys_menu where status = 1 and perms is not null`
  const depts = await sql<{ id: number; name: string }[]>`
    insert into sys_dept (name, sort, status, del_flag, created_time)
    select ${mark} || '-dept-' || n, n, 1, false, now() from generate_series(1, ${DEPTS}::int) n returning id::int, name`
  const roles = await sql<{ id: number; name: string }[]>`
    insert into sys_role (name, status, is_filter_scopes, created_time)
    select ${mark} || '-role-' || n, 1, false, now() from generate_series(1, ${ROLES}::int) n returning id::int, name`
  const password = await hash(FIRST_PASSWORD, { cost: HASH_COST })
  const people = await sql<{ id: number; username: string }[]>`
    insert into sys_user (uuid, username, nickname, password, status, is_superuser, is_staff, is_multi_login, dept_id,
      join_time, created_time)
    select gen_random_uuid()::text, ${mark} || '-' || n, 'Person ' || n, ${password}, 1, n = 0, true, n % 2 = 0,
      case when n = 0 then null else (${depts.map(({ id }) => id)}::bigint[])[1 + n % ${DEPTS}::int] end, now(), now()
    from generate_series(0, ${PEOPLE}::int) n order by n returning id::int, username`
  const world: World = {
    ...emptyWorld(people[0]),
    depts: depts.map((dept) => ({ ...dept, is_enabled: true })),
    roles: roles.map((role) => ({ ...role, is_enabled: true, menus: new Set() })),
    codes: [...new Set(perms.flatMap((row) => splitCodes(row.perms)))].sort(),
    menus,
  }
  for (const [index, row] of people.entries())
    if (index > 0)
      world.people.push({ ...personOf(row), is_multi_login: index % 2 === 0, dept: world.depts[index % DEPTS] })
  return world
}

function emptyWorld(
  boss: { id: number; username: string } | undefined,
): Omit<World, 'depts' | 'roles' | 'codes' | 'menus'> {
  if (boss === undefined) throw new Error('nobody was inserted')
  return {
    people: [],
    sessions: [],
    boss: { ...personOf(boss), is_superuser: true, is_multi_login: true },
    actions_until_healed: 0,
    trace: [],
  }
}

function personOf(row: { id: number; username: string }): Person {
  return {
    ...row,
    password: FIRST_PASSWORD,
    former_passwords: [],
    is_enabled: true,
    is_superuser: false,
    is_staff: true,
    is_multi_login: false,
    dept: undefined,
    roles: new Set(),
    is_deleted: false,
  }
}

/** Whether somebody may sign in. */
export function isUsable({ is_deleted, is_enabled, dept }: Person): boolean {
  return !is_deleted && is_enabled && (dept === undefined || dept.is_enabled)
}

export function codesOf(world: World, person: Person): string[] {
  if (person.is_superuser) return [...world.codes]
  const menus = [...person.roles].filter((role) => role.is_enabled).flatMap((role) => [...role.menus])
  return [...new Set(menus.map((menu) => menu.code))].sort()
}

/** What the guard of a route says to a session: 401, 403, or nothing. */
export function refusal(world: World, session: Session, codes: 'superuser' | readonly string[], reads: boolean) {
  if (session.end !== undefined) return 401
  const { owner } = session
  if (owner.is_superuser) return undefined
  if (codes === 'superuser' || (!reads && !owner.is_staff)) return 403
  const held = codesOf(world, owner)
  return codes.some((code) => held.includes(code)) ? undefined : 403
}

export function livingOf(world: World, person: Person): Session[] {
  return world.sessions.filter((session) => session.owner === person && session.end === undefined)
}

export function endAll(world: World, person: Person, reason: string, except?: Session): void {
  for (const session of livingOf(world, person)) if (session !== except) session.end = reason
}
