import { setTimeout as sleep } from 'node:timers/promises'
import { take } from '#backend/tests/model/pick'
import {
  type Action,
  adopt,
  bossOf,
  newPassword,
  sendLogin,
  sendRefresh,
  setPassword,
} from '#backend/tests/model/session-actions'
import { oneRemains } from '#backend/tests/model/standing-actions'
import { type Affected, ask, expectStatus, type Turn } from '#backend/tests/model/turn'
import { endAll, isUsable, type Person, type World } from '#backend/tests/model/world'

/*
 * Two things at once on two processes. Whichever comes first: once both are answered, what an administrator has ended
 * is dead, the session that was being opened included.
 */

const usable = ({ people }: World) => people.filter(isUsable)
const hasUsable = (world: World) => usable(world).length > 0

interface End {
  method: 'PUT' | 'DELETE'
  path: (person: Person) => string
  body?: (person: Person) => unknown
  reason: string
  done: (person: Person, body: unknown) => void
}

const RESET: End = {
  method: 'PUT',
  path: ({ id }) => `/sys/users/${id}/password`,
  body: () => ({ password: newPassword() }),
  reason: 'password',
  done: (person, body) => setPassword(person, (body as { password: string }).password),
}
const DISABLE: End = {
  method: 'PUT',
  path: ({ id }) => `/sys/users/${id}/permissions?type=status`,
  reason: 'disabled',
  done: (person) => {
    person.is_enabled = false
  },
}
const DELETE: End = {
  method: 'DELETE',
  path: ({ id }) => `/sys/users/${id}`,
  reason: 'deleted',
  done: (person) => {
    person.is_deleted = true
    person.roles.clear()
    person.dept = undefined
  },
}

const loginDuring = (end: End) =>
  async function loginDuring(turn: Turn): Promise<Affected> {
    const { world, on, delay_ms, what } = turn
    const person = take(usable(world), turn.whom)
    const boss = await bossOf(turn)
    const body = end.body?.(person)
    const later = what % 2 === 0 ? [0, delay_ms] : [delay_ms, 0]
    const [login, ended] = await Promise.all([
      sleep(later[0]).then(() => sendLogin(turn, on, person, person.password)),
      sleep(later[1]).then(() =>
        ask(turn, on + 1, { method: end.method, path: end.path(person), token: boss.token, body }, 'boss'),
      ),
    ])
    expectStatus(login, [200, 400], `sign-in of ${person.username} during an end`)
    expectStatus(ended, 200, `end of ${person.username} during a sign-in`)
    if (login.status === 200) adopt(turn, person, login)
    endAll(world, person, end.reason)
    end.done(person, body)
    return [person]
  }

async function disableDeptDuringLogin(turn: Turn): Promise<Affected> {
  const { world, on, delay_ms } = turn
  const person = take(inDept(world), turn.whom)
  const { dept } = person
  if (dept === undefined) return []
  const boss = await bossOf(turn)
  const body = { name: dept.name, parent_id: null, leader: null, phone: null, email: null, status: 0 }
  const [login, ended] = await Promise.all([
    sendLogin(turn, on, person, person.password),
    sleep(delay_ms).then(() =>
      ask(turn, on + 1, { method: 'PUT', path: `/sys/depts/${dept.id}`, token: boss.token, body }, 'boss'),
    ),
  ])
  expectStatus(login, [200, 400], `sign-in of ${person.username} while the department is disabled`)
  expectStatus(ended, 200, 'disabling of a department during a sign-in')
  if (login.status === 200) adopt(turn, person, login)
  dept.is_enabled = false
  for (const member of world.people) if (member.dept === dept) endAll(world, member, 'disabled')
  return 'all'
}

const inDept = (world: World) => usable(world).filter(({ dept }) => dept !== undefined)

/** Of somebody who may hold one session, whichever comes last holds it. */
async function loginTwice(turn: Turn): Promise<Affected> {
  const { world, on, delay_ms } = turn
  const person = take(usable(world), turn.whom)
  const replies = await Promise.all([
    sendLogin(turn, on, person, person.password),
    sleep(delay_ms).then(() => sendLogin(turn, on + 1, person, person.password)),
  ])
  for (const reply of replies) expectStatus(reply, 200, `two sign-ins of ${person.username}`)
  if (!person.is_multi_login) endAll(world, person, 'other_login')
  for (const reply of replies) adopt(turn, person, reply)
  if (!person.is_multi_login) await oneRemains(turn, person)
  return [person]
}

async function switchSingleDuringLogin(turn: Turn): Promise<Affected> {
  const { world, on, delay_ms } = turn
  const person = take(several(world), turn.whom)
  const boss = await bossOf(turn)
  const path = `/sys/users/${person.id}/permissions?type=multi_login`
  const [login, switched] = await Promise.all([
    sendLogin(turn, on, person, person.password),
    sleep(delay_ms).then(() => ask(turn, on + 1, { method: 'PUT', path, token: boss.token }, 'boss')),
  ])
  expectStatus(login, 200, `sign-in of ${person.username} during a switch`)
  expectStatus(switched, 200, `switch of ${person.username} during a sign-in`)
  adopt(turn, person, login)
  person.is_multi_login = false
  await oneRemains(turn, person)
  return [person]
}

const several = (world: World) => usable(world).filter(({ is_multi_login }) => is_multi_login)

async function refreshDuringForce(turn: Turn): Promise<Affected> {
  const { on, delay_ms } = turn
  const session = take(alive(turn.world), turn.whom)
  const { refresh_tokens, owner, uuid, label } = session
  const boss = await bossOf(turn)
  const path = `/monitors/sessions/${owner.id}?session_uuid=${uuid}`
  const [refreshed, forced] = await Promise.all([
    sendRefresh(turn, on, session, take(refresh_tokens, refresh_tokens.length - 1)),
    sleep(delay_ms).then(() => ask(turn, on + 1, { method: 'DELETE', path, token: boss.token }, 'boss')),
  ])
  expectStatus(refreshed, [200, 401], `refresh of ${label} while it is forced offline`)
  expectStatus(forced, 200, `force offline of ${label} during a refresh`)
  if (refreshed.status === 200) {
    session.token = refreshed.body.data.access_token
    if (refreshed.refresh_token !== undefined) refresh_tokens.push(refreshed.refresh_token)
  }
  session.end = 'forced'
  return [owner]
}

const alive = ({ sessions }: World) => sessions.filter(({ end }) => end === undefined)
const severalPeople = (world: World) =>
  world.people.filter(({ is_deleted }) => !is_deleted).length > 3 && hasUsable(world)

export const raceActions: readonly Action[] = [
  { name: 'loginDuringReset', weight: 2, ready: hasUsable, run: loginDuring(RESET) },
  { name: 'loginDuringDisable', weight: 2, ready: hasUsable, run: loginDuring(DISABLE) },
  { name: 'loginDuringDelete', weight: 1, ready: severalPeople, run: loginDuring(DELETE) },
  {
    name: 'disableDeptDuringLogin',
    weight: 1,
    ready: (world) => inDept(world).length > 0,
    run: disableDeptDuringLogin,
  },
  { name: 'loginTwice', weight: 3, ready: hasUsable, run: loginTwice },
  {
    name: 'switchSingleDuringLogin',
    weight: 2,
    ready: (world) => several(world).length > 0,
    run: switchSingleDuringLogin,
  },
  { name: 'refreshDuringForce', weight: 2, ready: (world) => alive(world).length > 0, run: refreshDuringForce },
]
