import { isDeepStrictEqual } from 'node:util'
import { type Reply, type Request, send } from '#backend/tests/model/client'
import type { Cluster } from '#backend/tests/model/cluster'
import { take } from '#backend/tests/model/pick'
import { CODE, codesOf, type Person, refusal, type Session, type World } from '#backend/tests/model/world'

/** The numbers an action takes its choices from. */
export interface Draw {
  /** The process that is asked. */
  on: number
  who: number
  whom: number
  what: number
  /** How much later than the first the second of two at once is sent. */
  delay_ms: number
}

/** One action under way. */
export interface Turn extends Draw {
  world: World
  cluster: Cluster
}

/** Whose standing an action may have changed. */
export type Affected = 'all' | readonly Person[]

/** A process did not do what the model says. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Sends a request to a process and notes how it was answered. */
export async function ask({ world, cluster }: Turn, on: number, request: Request, label = ''): Promise<Reply> {
  const index = on % cluster.urls.length
  const started = performance.now()
  const reply = await send(take(cluster.urls, index), request)
  const took = Math.round(performance.now() - started)
  world.trace.push(
    `    p${index} ${label} ${request.method} ${request.path} ${JSON.stringify(request.body ?? null)} -> ${reply.status} (${took} ms, redis ${cluster.redis.state()}${cluster.links.map((link, at) => (link.isCut() ? ` p${at} cut` : '')).join('')})`,
  )
  return reply
}

export function expectStatus(reply: Reply, expected: number | readonly number[], what: string): void {
  if ([expected].flat().includes(reply.status)) return
  throw new Violation(`${what}: ${reply.status} ${JSON.stringify(reply.body)} instead of ${String(expected)}`)
}

/** While it is worked, all that is alive is in use everywhere: what is read meanwhile must not be kept. */
export async function inTraffic<T>(
  { world, cluster }: Turn,
  work: () => Promise<T>,
): Promise<{ result: T; over: Promise<unknown> }> {
  let isWorking = true
  const sessions = world.sessions.filter(({ end }) => end === undefined)
  const use = async (url: string, on: number) => {
    for (let at = on; isWorking && sessions.length > 0; at += 1)
      await send(url, { method: 'GET', path: '/auth/codes', token: take(sessions, at).token })
  }
  const over = Promise.allSettled(cluster.urls.map(use))
  try {
    return { result: await work(), over }
  } finally {
    isWorking = false
  }
}

/** How many of the dead whose death everybody has seen are looked at again each time. */
const BURIED_SAMPLE = 2

/** The next request of every affected session on every process is answered as the model says. */
export async function verify(turn: Turn, affected: Affected): Promise<void> {
  const { world, cluster } = turn
  const concerned = world.sessions.filter(({ owner }) => affected === 'all' || affected.includes(owner))
  const open = concerned.filter((session) => !session.is_buried)
  const buried = world.sessions.filter((session) => session.is_buried)
  const sample = Array.from({ length: Math.min(BURIED_SAMPLE, buried.length) }, (_, at) => take(buried, turn.what + at))
  const probed = [...open, ...sample]
  const looks = cluster.urls.flatMap((url, on) => probed.flatMap((session) => probes(turn, url, on, session)))
  // All have ended before anything is concluded, so that none runs into the next action.
  const failed = (await Promise.allSettled(looks)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  for (const session of open) if (session.end !== undefined) session.is_buried = true
}

/** As `verify`, of everything there ever was. */
export async function verifyEverything(turn: Turn): Promise<void> {
  for (const session of turn.world.sessions) session.is_buried = false
  await verify(turn, 'all')
}

/** What a session may do in all, and one of three routes that go by it: another one on each process. */
function probes({ world, what }: Turn, url: string, on: number, session: Session): Promise<void>[] {
  const { token, owner, label } = session
  const look = async (method: 'GET' | 'DELETE', path: string, expected: number) => {
    const reply = await send(url, { method, path, token })
    expectStatus(reply, expected, `p${on} ${label} (${session.end ?? 'alive'}) ${method} ${path}`)
    return reply
  }
  const seesCodes = async () => {
    const { status, body } = await look('GET', '/auth/codes', session.end === undefined ? 200 : 401)
    const expected = codesOf(world, owner)
    if (status === 200 && !isDeepStrictEqual(body.data, expected))
      throw new Violation(`p${on} ${label} GET /auth/codes: ${body.data} instead of ${String(expected)}`)
  }
  const read = (...codes: string[]) => refusal(world, session, codes, true) ?? 200
  const routes = [
    () => look('GET', '/sys/roles?size=1', read(CODE.read_roles)),
    () => look('GET', '/sys/depts?name=none', read(CODE.read_depts, CODE.read_users, CODE.read_roles)),
    // There is no such department: whoever may remove one is told so, and nothing changes.
    () => look('DELETE', '/sys/depts/2000000000', refusal(world, session, [CODE.remove_dept], false) ?? 404),
  ]
  return [
    seesCodes(),
    take(routes, what + on)().then(() => undefined),
    ...(session.end === undefined ? [] : [refuseRefresh(url, on, session)]),
  ]
}

async function refuseRefresh(url: string, on: number, session: Session): Promise<void> {
  const refresh_token = take(session.refresh_tokens, session.refresh_tokens.length - 1)
  const reply = await send(url, { method: 'POST', path: '/auth/refresh', refresh_token })
  expectStatus(reply, 401, `p${on} ${session.label} (${session.end}) refresh`)
}
