import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { ensureBuilt, MAIN } from './built.js'
import { type Child, startChild } from './child.js'
import { makeUser, type Session, signIn, USER_PASSWORD } from './client.js'
import { createDatabase } from './database.js'
import { machine, median, table } from './numbers.js'
import { paced } from './paced.js'

export interface AuditOptions {
  rounds: number
  seconds: number
  connections: number
}

interface Side {
  child: Child
  /** Of the administrator. */
  admin: Session
  /** Of as many people as there are connections. */
  people: readonly Session[]
}
interface Measure {
  per_second: number
  p99_ms: number
}
interface Sides {
  on: Side
  off: Side
}

interface Round {
  on: Measure
  off: Measure
  /** The side without the log a second time: what of a difference is the machine's noise. */
  again: Measure
}
interface Rounds {
  full: Round[]
  steady: Round[]
}

const PAIRS = 3
const WARM_UP_SECONDS = 2
/** Of the highest rate with the log: the time of an answer says something only where both sides answer equally many. */
const SHARE = 0.4
interface Asked {
  path: string
  method: 'GET' | 'PUT'
  body?: string
  /** Whether each connection is somebody else: changes of one row would wait for each other. */
  by_many?: boolean
}

/** Two reads and a change: the change waits for the disk, the reads do not. */
const REQUESTS: Readonly<Record<string, Asked>> = {
  'users/me': { path: '/api/v1/sys/users/me', method: 'GET' },
  'users list': { path: '/api/v1/sys/users?page=1&size=20', method: 'GET' },
  nickname: {
    path: '/api/v1/sys/users/me/nickname',
    method: 'PUT',
    body: JSON.stringify({ nickname: 'Bench' }),
    by_many: true,
  },
}

/**
 * The same server with and without the operation log, in turns, each on a database of its own. Two processes of one
 * program differ by some hundredths, so several pairs of them are asked.
 */
export async function benchAudit(options: AuditOptions): Promise<void> {
  ensureBuilt()
  console.log(`node ${process.version}, ${machine()}; ${options.connections} connections`)
  console.log(`${PAIRS} pairs of processes, ${options.rounds} rounds of ${options.seconds} s each, in turns\n`)
  const measured = new Map<string, Rounds>(Object.keys(REQUESTS).map((name) => [name, { full: [], steady: [] }]))
  for (let pair = 1; pair <= PAIRS; pair += 1) await measurePair(measured, options)
  for (const [name, rounds] of measured) report(name, rounds)
}

async function measurePair(measured: ReadonlyMap<string, Rounds>, options: AuditOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fba-bench-audit-'))
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const start = (name: string, enabled: boolean) =>
      startSide(join(folder, name), enabled, options.connections, closing)
    const sides = { on: await start('on', true), off: await start('off', false) }
    for (const [name, rounds] of measured) await compare(name, sides, rounds, options)
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

async function startSide(
  folder: string,
  enabled: boolean,
  connections: number,
  closing: (() => unknown)[],
): Promise<Side> {
  const database = await createDatabase()
  closing.push(() => database?.drop())
  const admin_password = `Bench-${randomBytes(9).toString('base64url')}`
  const child = await startChild({
    args: ['--enable-source-maps', MAIN],
    cwd: tmpdir(),
    env: {
      // Production refuses to be without the log.
      NODE_ENV: 'development',
      DEV_SAMPLE_ACCOUNTS: 'false',
      AUDIT_ENABLED: String(enabled),
      LOG_LEVEL: 'warn',
      LOGIN_CAPTCHA_ENABLED: 'false',
      TRUSTED_PROXIES: '127.0.0.1/32',
      PASSWORD_HASH_COST: '10',
      ADMIN_PASSWORD: admin_password,
      DATA_DIR: folder,
      ...(database === undefined ? {} : { DATABASE_URL: database.url }),
    },
    ready_path: '/readyz',
  })
  closing.push(() => child.stop())
  const admin = await signIn(child, 'admin', admin_password)
  const people: Session[] = []
  for (let index = 0; index < connections; index += 1) {
    const { username } = await makeUser(child, admin, `bench_${index}`)
    people.push(await signIn(child, username, USER_PASSWORD))
  }
  return { child, admin, people }
}

async function compare(name: string, sides: Sides, { full, steady }: Rounds, options: AuditOptions): Promise<void> {
  for (const side of [sides.on, sides.off]) await atFullRate(side, name, { ...options, seconds: WARM_UP_SECONDS })
  full.push(...(await inTurns(sides, options.rounds, (side) => atFullRate(side, name, options))))
  const rate = steady[0]?.on.per_second ?? Math.floor(median(full.map(({ on }) => on.per_second)) * SHARE)
  steady.push(...(await inTurns(sides, options.rounds, (side) => atRate(side, name, { ...options, rate }))))
}

function report(name: string, { full, steady }: Rounds): void {
  const rate = steady[0]?.on.per_second
  const ratio = (side: 'on' | 'again') => median(full.map((round) => round[side].per_second / round.off.per_second))
  const p99 = (rounds: readonly Round[], side: keyof Round) => median(rounds.map((round) => round[side].p99_ms))
  // Of the medians: in every fifth round or so, of either side, something else on the machine takes many milliseconds.
  const growth = (rounds: readonly Round[], side: 'on' | 'again') => (p99(rounds, side) - p99(rounds, 'off')).toFixed(1)
  const told = (side: 'on' | 'again') =>
    `${ratio(side).toFixed(2)} of the rate, p99 ${growth(full, side)} ms more at the full rate and ` +
    `${growth(steady, side)} ms at ${rate}/s`
  console.log(`${name}, medians of ${full.length} rounds against the server without the log:`)
  console.log(`  with the log: ${told('on')}`)
  console.log(`  the one without it, again: ${told('again')}`)
  const row = (what: string, value: (side: keyof Round) => number) => [
    what,
    ...(['on', 'off', 'again'] as const).map((side) => value(side).toFixed(1)),
  ]
  const rows = [
    row('answers/s', (side) => median(full.map((round) => round[side].per_second))),
    row('p99 ms', (side) => p99(full, side)),
    row(`p99 ms at ${rate}/s`, (side) => p99(steady, side)),
  ]
  console.log(`${table([['', 'with', 'without', 'without, again'], ...rows])}\n`)
}

/** Whoever comes later may find a warmer machine: they take turns in that too. */
async function inTurns({ on, off }: Sides, rounds: number, measure: (side: Side) => Promise<Measure>) {
  const measured: Round[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const isForward = round % 2 === 1
    const first = await measure(isForward ? on : off)
    const second = await measure(off)
    const third = await measure(isForward ? off : on)
    measured.push(isForward ? { on: first, off: second, again: third } : { on: third, off: second, again: first })
  }
  return measured
}

/** Each connection asks again as soon as it is answered. */
async function atFullRate(side: Side, name: string, { connections, seconds }: AuditOptions): Promise<Measure> {
  const { headers, ...request } = requestOf(side, name)
  let clients = 0
  const { requests, latency, errors, non2xx } = await autocannon({
    ...request,
    setupClient(client) {
      client.setHeaders(headers(clients))
      clients += 1
    },
    connections,
    duration: seconds,
  })
  if (errors + non2xx > 0) throw new Error(`${name}: ${errors} errors and ${non2xx} refusals`)
  return { per_second: requests.average, p99_ms: latency.p99 }
}

async function atRate(side: Side, name: string, options: AuditOptions & { rate: number }): Promise<Measure> {
  const times = await paced({ ...requestOf(side, name), ...options })
  times.sort((a, b) => a - b)
  return { per_second: options.rate, p99_ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN }
}

function requestOf({ child, admin, people }: Side, name: string) {
  const { path, by_many = false, ...request } = REQUESTS[name] ?? { path: '/', method: 'GET' }
  const headers = (index: number) => {
    const { authorization } = ((by_many ? people[index % people.length] : undefined) ?? admin).headers
    return { authorization, 'content-type': 'application/json' }
  }
  return { ...request, url: `${child.url}${path}`, headers }
}
