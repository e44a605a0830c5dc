import { setTimeout as sleep } from 'node:timers/promises'
import type { Reply } from '#backend/tests/model/client'
import { GRACE_SECONDS, PROCESSES } from '#backend/tests/model/cluster'
import { pick, take } from '#backend/tests/model/pick'
import { type Affected, ask, expectStatus, type Turn, Violation } from '#backend/tests/model/turn'
import { CODE, endAll, isUsable, type Person, refusal, type Session, type World } from '#backend/tests/model/world'

export interface Action {
  name: string
  weight: number
  ready?: (world: World) => boolean
  /** Does it, checks the answer, changes the model. */
  run: (turn: Turn) => Promise<Affected>
}

export const hasSession = ({ sessions }: World) => sessions.length > 0
export const hasLiving = ({ sessions }: World) => sessions.some(({ end }) => end === undefined)
const living = ({ sessions }: World) => sessions.filter(({ end }) => end === undefined)

/** Mostly one that is alive: of the dead there are soon many more. */
export function someSession(world: World, number: number): Session {
  return number % 4 > 0 && hasLiving(world) ? take(living(world), number >> 2) : take(world.sessions, number >> 2)
}

let logins = 0

/** Sends the credentials; each sign-in comes from an address of its own, so that no limit is met. */
export async function sendLogin(turn: Turn, on: number, person: Person, password: string): Promise<Reply> {
  logins += 1
  const address = `10.${(logins >> 16) & 255}.${(logins >> 8) & 255}.${logins & 255}`
  const body = { username: person.username, password }
  return ask(turn, on, { method: 'POST', path: '/auth/login', body, address })
}

/** The session that an answer with 200 tells of. */
export function adopt({ world }: Turn, owner: Person, { body, refresh_token }: Reply): Session {
  if (refresh_token === undefined) throw new Violation('a sign-in without a refresh token')
  const session: Session = {
    label: `${owner.username}#${world.sessions.length}`,
    uuid: body.data.session_uuid,
    owner,
    token: body.data.access_token,
    refresh_tokens: [refresh_token],
    rotated_at: 0,
    end: undefined,
    is_buried: false,
  }
  world.sessions.push(session)
  return session
}

async function login(turn: Turn): Promise<Affected> {
  const { world, on, who, what } = turn
  const person = take(world.people, who)
  // One in six with a password of before, or one that never was.
  const password = what % 6 > 0 ? person.password : (pick(person.former_passwords, what) ?? 'Never-123')
  const reply = await sendLogin(turn, on, person, password)
  const expected = isUsable(person) && password === person.password ? 200 : 400
  expectStatus(reply, expected, `sign-in of ${person.username}`)
  if (expected === 200) {
    if (!person.is_multi_login) endAll(world, person, 'other_login')
    adopt(turn, person, reply)
  }
  return [person]
}

async function logout(turn: Turn): Promise<Affected> {
  const session = someSession(turn.world, turn.who)
  const reply = await ask(turn, turn.on, { method: 'POST', path: '/auth/logout', token: session.token }, session.label)
  expectStatus(reply, 200, `logout of ${session.label}`)
  session.end ??= 'logout'
  session.is_buried = false
  return [session.owner]
}

export function sendRefresh(turn: Turn, on: number, session: Session, refresh_token: string): Promise<Reply> {
  return ask(turn, on, { method: 'POST', path: '/auth/refresh', refresh_token }, session.label)
}

const validOf = ({ refresh_tokens }: Session) => take(refresh_tokens, refresh_tokens.length - 1)

function renew(session: Session, { body, refresh_token }: Reply): void {
  if (refresh_token === undefined || body.data.session_uuid !== session.uuid)
    throw new Violation(`${session.label}: a refresh that belongs to no session`)
  session.token = body.data.access_token
  session.refresh_tokens.push(refresh_token)
}

async function refresh(turn: Turn): Promise<Affected> {
  const session = someSession(turn.world, turn.who)
  const reply = await sendRefresh(turn, turn.on, session, validOf(session))
  expectStatus(reply, session.end === undefined ? 200 : 401, `refresh of ${session.label} (${session.end ?? 'alive'})`)
  if (session.end === undefined) renew(session, reply)
  session.rotated_at = performance.now()
  return [session.owner]
}

/** At once on all processes: one new pair of tokens, told to everybody. */
async function refreshAtOnce(turn: Turn): Promise<Affected> {
  const session = take(living(turn.world), turn.who)
  const started = performance.now()
  const presented = validOf(session)
  const replies = await Promise.all(
    Array.from({ length: 5 }, (_, at) => sendRefresh(turn, (turn.on + at) % PROCESSES, session, presented)),
  )
  session.rotated_at = performance.now()
  if (replies.some(({ status }) => status === 401) && session.rotated_at - started > GRACE_SECONDS * 1000) {
    // So slow that the last came after the grace: a replay, rightly taken for one.
    session.end = 'reused'
    return [session.owner]
  }
  for (const reply of replies) expectStatus(reply, 200, `refresh of ${session.label} at once`)
  const pairs = new Set(replies.map(({ body, refresh_token }) => `${body.data.access_token} ${refresh_token}`))
  if (pairs.size > 1) throw new Violation(`${session.label}: ${pairs.size} pairs of tokens for one`)
  renew(session, take(replies, 0))
  return [session.owner]
}

/** A token that was exchanged before ends the session, whoever comes with it. */
async function replay(turn: Turn): Promise<Affected> {
  const { world, who, what } = turn
  const session = take(living(world), who)
  if (session.refresh_tokens.length === 1) {
    renew(session, await sendRefresh(turn, turn.on, session, validOf(session)))
    session.rotated_at = performance.now()
  }
  const { refresh_tokens, rotated_at } = session
  const at = what % (refresh_tokens.length - 1)
  if (at === refresh_tokens.length - 2) {
    const grace_left_ms = rotated_at + GRACE_SECONDS * 1000 + 100 - performance.now()
    if (grace_left_ms > 0) await sleep(grace_left_ms)
  }
  const reply = await sendRefresh(turn, turn.on, session, take(refresh_tokens, at))
  expectStatus(reply, 401, `replay for ${session.label}`)
  session.end = 'reused'
  return [session.owner]
}

/** By whoever it may be, of whomever: somebody's own device, an administrator, or somebody who may not. */
async function forceOffline(turn: Turn): Promise<Affected> {
  const { world, on, who, whom } = turn
  const target = someSession(world, whom)
  const by = await actorOf(turn, who)
  const path = `/monitors/sessions/${target.owner.id}?session_uuid=${target.uuid}`
  const reply = await ask(turn, on, { method: 'DELETE', path, token: by.token }, `${by.label} of ${target.label}`)
  const expected = forceExpected(world, by, target)
  expectStatus(reply, expected, `force offline of ${target.label} (${target.end ?? 'alive'}) by ${by.label}`)
  if (expected === 200) target.end = 'forced'
  return [target.owner, by.owner]
}

function forceExpected(world: World, by: Session, target: Session): number {
  if (by.end !== undefined) return 401
  const refused = by.owner === target.owner ? undefined : refusal(world, by, [CODE.end_session], false)
  if (refused !== undefined) return refused
  if (target.end !== undefined || target.owner.is_deleted) return 404
  return target.owner.is_superuser && !by.owner.is_superuser ? 403 : 200
}

let bossTurn: { world: World; session: Session } | undefined

/** Three times in four the administrator, else whoever has a session, alive or dead. */
export async function actorOf(turn: Turn, number: number): Promise<Session> {
  const { world } = turn
  if (number % 4 === 0 && hasSession(world)) return take(world.sessions, number >> 2)
  return bossOf(turn)
}

export async function bossOf(turn: Turn): Promise<Session> {
  const { world } = turn
  if (bossTurn?.world === world) return bossTurn.session
  const reply = await sendLogin(turn, turn.on, world.boss, world.boss.password)
  expectStatus(reply, 200, 'sign-in of the administrator')
  const session = adopt(turn, world.boss, reply)
  // Nobody acts on this one: it is not among those that actions choose from.
  world.sessions.pop()
  session.label = 'boss'
  bossTurn = { world, session }
  return session
}

let passwords = 0
export const newPassword = () => `Next-${++passwords}-pass`

async function changePassword(turn: Turn): Promise<Affected> {
  const { world, on, who, what } = turn
  const session = someSession(world, who)
  const { owner } = session
  const isRight = what % 5 > 0
  const next = newPassword()
  const old_password = isRight ? owner.password : 'Wrong-123'
  const body = { old_password, new_password: next, confirm_password: next }
  const path = '/sys/users/me/password'
  const reply = await ask(turn, on, { method: 'PUT', path, token: session.token, body }, session.label)
  const expected = session.end !== undefined ? 401 : isRight ? 200 : 400
  expectStatus(reply, expected, `password of ${session.label} (${session.end ?? 'alive'})`)
  if (expected === 200) {
    setPassword(owner, next)
    endAll(world, owner, 'password', session)
  }
  return [owner]
}

export function setPassword(person: Person, password: string): void {
  person.former_passwords.push(person.password)
  person.password = password
}

/** Everybody signs in, some of them twice. */
export async function signInEverybody(turn: Turn): Promise<void> {
  for (const [index, person] of turn.world.people.entries())
    for (let device = 0; device < (person.is_multi_login ? 2 : 1); device += 1) {
      const reply = await sendLogin(turn, index + device, person, person.password)
      expectStatus(reply, 200, `first sign-in of ${person.username}`)
      adopt(turn, person, reply)
    }
}

export const sessionActions: readonly Action[] = [
  { name: 'login', weight: 10, run: login },
  { name: 'logout', weight: 3, ready: hasSession, run: logout },
  { name: 'refresh', weight: 6, ready: hasSession, run: refresh },
  { name: 'refreshAtOnce', weight: 4, ready: hasLiving, run: refreshAtOnce },
  { name: 'replay', weight: 2, ready: hasLiving, run: replay },
  { name: 'forceOffline', weight: 6, ready: hasSession, run: forceOffline },
  { name: 'changePassword', weight: 3, ready: hasSession, run: changePassword },
]
