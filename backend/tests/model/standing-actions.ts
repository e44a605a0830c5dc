import { take } from '#backend/tests/model/pick'
import { type Action, actorOf, hasSession, newPassword, setPassword } from '#backend/tests/model/session-actions'
import { type Affected, ask, expectStatus, type Turn, Violation } from '#backend/tests/model/turn'
import {
  type Dept,
  endAll,
  isUsable,
  livingOf,
  type Person,
  type Role,
  refusal,
  type Session,
  type World,
} from '#backend/tests/model/world'

interface Change {
  method: 'PUT' | 'DELETE'
  path: string
  body?: unknown
  /** What an administrator is answered. */
  expected?: number
}

/** Sends a change that only superusers may make, and says whether it was made. */
async function administer(turn: Turn, by: Session, { expected = 200, ...request }: Change): Promise<boolean> {
  const reply = await ask(turn, turn.on, { ...request, token: by.token }, by.label)
  const due = refusal(turn.world, by, 'superuser', false) ?? expected
  expectStatus(reply, due, `${request.method} ${request.path} by ${by.label} (${by.end ?? 'alive'})`)
  return due === 200
}

async function resetPassword(turn: Turn): Promise<Affected> {
  const person = take(turn.world.people, turn.whom)
  const by = await actorOf(turn, turn.who)
  const password = newPassword()
  const expected = person.is_deleted ? 404 : 200
  if (
    await administer(turn, by, {
      method: 'PUT',
      path: `/sys/users/${person.id}/password`,
      body: { password },
      expected,
    })
  ) {
    setPassword(person, password)
    endAll(turn.world, person, 'password', by.owner === person ? by : undefined)
  }
  return [person, by.owner]
}

type Switch = 'superuser' | 'staff' | 'status' | 'multi_login'

const toggle = (which: Switch) =>
  async function toggle(turn: Turn): Promise<Affected> {
    const person = take(turn.world.people, turn.whom)
    const by = await actorOf(turn, turn.who)
    const expected = by.owner === person ? 403 : person.is_deleted ? 404 : 200
    const path = `/sys/users/${person.id}/permissions?type=${which}`
    if (await administer(turn, by, { method: 'PUT', path, expected })) await TOGGLED[which](turn, person)
    return [person, by.owner]
  }

const TOGGLED: Record<Switch, (turn: Turn, person: Person) => Promise<void>> = {
  async superuser(_turn, person) {
    person.is_superuser = !person.is_superuser
  },
  async staff(_turn, person) {
    person.is_staff = !person.is_staff
  },
  async status({ world }, person) {
    person.is_enabled = !person.is_enabled
    if (!person.is_enabled) endAll(world, person, 'disabled')
  },
  async multi_login(turn, person) {
    person.is_multi_login = !person.is_multi_login
    if (!person.is_multi_login) await oneRemains(turn, person)
  },
}

/** Which one is the last used is known to the database: each process notes that when it comes to it. */
export async function oneRemains({ world, cluster }: Turn, person: Person): Promise<void> {
  const before = livingOf(world, person)
  const rows = await cluster.database.sql<{ session_uuid: string }[]>`
    select session_uuid from sys_session where user_id = ${person.id} and ended_time is null`
  const kept = before.filter(({ uuid }) => rows.some((row) => row.session_uuid === uuid))
  if (kept.length !== Math.min(1, before.length) || rows.length !== kept.length)
    throw new Violation(`${person.username}: of ${before.length} sessions ${rows.length} are left`)
  endAll(world, person, 'other_login', kept[0])
}

async function deleteUser(turn: Turn): Promise<Affected> {
  const { world } = turn
  const person = take(world.people, turn.whom)
  const by = await actorOf(turn, turn.who)
  const expected = by.owner === person ? 403 : person.is_deleted ? 404 : 200
  if (await administer(turn, by, { method: 'DELETE', path: `/sys/users/${person.id}`, expected })) {
    endAll(world, person, 'deleted')
    person.is_deleted = true
    person.roles.clear()
    person.dept = undefined
  }
  return [person, by.owner]
}

function replaceUser(
  turn: Turn,
  by: Session,
  person: Person,
  roles: Iterable<Role>,
  dept: Dept | undefined,
): Promise<boolean> {
  const { id, username } = person
  const changesRoles = [...roles].length !== person.roles.size
  return administer(turn, by, {
    method: 'PUT',
    path: `/sys/users/${id}`,
    body: {
      username,
      nickname: username,
      avatar: null,
      email: null,
      phone: null,
      dept_id: dept?.id ?? null,
      roles: [...roles].map((role) => role.id),
    },
    expected: person.is_deleted ? 404 : changesRoles && by.owner === person ? 403 : 200,
  })
}

async function toggleRole(turn: Turn): Promise<Affected> {
  const { world } = turn
  const person = take(world.people, turn.whom)
  const role = take(world.roles, turn.what)
  const by = await actorOf(turn, turn.who)
  const roles = new Set(person.roles)
  if (!roles.delete(role)) roles.add(role)
  if (await replaceUser(turn, by, person, roles, person.dept)) person.roles = roles
  return [person, by.owner]
}

/** Into a department that is disabled as well: it ends what they have. */
async function moveUser(turn: Turn): Promise<Affected> {
  const { world } = turn
  const person = take(world.people, turn.whom)
  const dept = turn.what % 4 === 0 ? undefined : take(world.depts, turn.what)
  const by = await actorOf(turn, turn.who)
  // Whoever is deleted has nothing to be moved.
  if (await replaceUser(turn, by, person, person.roles, dept)) {
    person.dept = dept
    if (!isUsable(person)) endAll(world, person, 'disabled')
  }
  return [person, by.owner]
}

async function replaceMenus(turn: Turn): Promise<Affected> {
  const { world, what } = turn
  const role = take(world.roles, turn.whom)
  const by = await actorOf(turn, turn.who)
  const menus = world.menus.filter((_, at) => ((what >> at) & 1) === 1)
  const body = { menus: menus.map(({ id }) => id) }
  if (await administer(turn, by, { method: 'PUT', path: `/sys/roles/${role.id}/menus`, body }))
    role.menus = new Set(menus)
  return 'all'
}

async function toggleRoleStatus(turn: Turn): Promise<Affected> {
  const role = take(turn.world.roles, turn.whom)
  const by = await actorOf(turn, turn.who)
  const body = { name: role.name, status: role.is_enabled ? 0 : 1, is_filter_scopes: false, remark: null }
  if (await administer(turn, by, { method: 'PUT', path: `/sys/roles/${role.id}`, body }))
    role.is_enabled = !role.is_enabled
  return 'all'
}

async function deleteRole(turn: Turn): Promise<Affected> {
  const { world } = turn
  const role = take(world.roles, turn.whom)
  const by = await actorOf(turn, turn.who)
  if (await administer(turn, by, { method: 'DELETE', path: '/sys/roles', body: { pks: [role.id] } })) {
    world.roles = world.roles.filter((one) => one !== role)
    for (const person of world.people) person.roles.delete(role)
  }
  return 'all'
}

async function toggleDept(turn: Turn): Promise<Affected> {
  const { world } = turn
  const dept = take(world.depts, turn.whom)
  const by = await actorOf(turn, turn.who)
  const body = {
    name: dept.name,
    parent_id: null,
    leader: null,
    phone: null,
    email: null,
    status: dept.is_enabled ? 0 : 1,
  }
  if (await administer(turn, by, { method: 'PUT', path: `/sys/depts/${dept.id}`, body })) {
    dept.is_enabled = !dept.is_enabled
    if (!dept.is_enabled) for (const person of world.people) if (person.dept === dept) endAll(world, person, 'disabled')
  }
  return 'all'
}

const several = (world: World) => world.people.filter((person) => !person.is_deleted).length > 3

export const standingActions: readonly Action[] = [
  { name: 'resetPassword', weight: 3, run: resetPassword },
  { name: 'toggleStatus', weight: 5, run: toggle('status') },
  { name: 'toggleSuperuser', weight: 3, run: toggle('superuser') },
  { name: 'toggleStaff', weight: 3, run: toggle('staff') },
  { name: 'toggleMultiLogin', weight: 4, run: toggle('multi_login') },
  { name: 'deleteUser', weight: 1, ready: several, run: deleteUser },
  { name: 'toggleRole', weight: 7, ready: hasSession, run: toggleRole },
  { name: 'moveUser', weight: 3, ready: hasSession, run: moveUser },
  { name: 'replaceMenus', weight: 6, run: replaceMenus },
  { name: 'toggleRoleStatus', weight: 4, run: toggleRoleStatus },
  { name: 'deleteRole', weight: 1, ready: (world) => world.roles.length > 2, run: deleteRole },
  { name: 'toggleDept', weight: 4, run: toggleDept },
]
