import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { ensureBuilt, MAIN } from './built.js'
import { type Child, startChild } from './child.js'
import { api, makeUser, type Session, signIn, USER_PASSWORD, type User } from './client.js'
import { createDatabase } from './database.js'
import { machine, median, table } from './numbers.js'

export interface SessionOptions {
  rounds: number
  seconds: number
  connections: number
}

const REFUSALS = 200
/** Each waits for more than a second by design. */
const REFUSALS_WITHOUT_REDIS = 10
const WARM_UP_SECONDS = 2

/** How soon a session that is ended on one process is refused by another, and what asking for it costs a request. */
export async function benchSession(options: SessionOptions): Promise<void> {
  ensureBuilt()
  const folder = mkdtempSync(join(tmpdir(), 'fba-bench-session-'))
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const redis = await startRedis(folder)
    closing.push(() => redis.stop())
    const database = await createDatabase()
    closing.push(() => database?.drop())
    const admin_password = `Bench-${randomBytes(9).toString('base64url')}`
    const env = {
      ...SETTINGS,
      TOKEN_SECRET_KEY: randomBytes(32).toString('base64url'),
      ADMIN_PASSWORD: admin_password,
      DATA_DIR: join(folder, 'data'),
      ...(database === undefined ? {} : { DATABASE_URL: database.url }),
    }
    const start = async (more: Record<string, string>) => {
      const args = ['--enable-source-maps', MAIN]
      const child = await startChild({ args, cwd: folder, env: { ...env, ...more }, ready_path: '/readyz' })
      closing.push(() => child.stop())
      return child
    }
    const here = await start({ REDIS_URL: redis.url })
    const there = await start({ REDIS_URL: redis.url })
    const alone = await start({})
    console.log(`node ${process.version}, ${machine()}; two processes on one PostgreSQL and one Redis\n`)
    const admin = await signIn(here, 'admin', admin_password)
    const user = await makeUser(here, admin, 'bench')
    await compareCost('with Redis', here, user.username, options)
    await compareCost('with the in-process port, as by default', alone, user.username, options)
    report('force offline', await endSessions(here, there, admin, user, REFUSALS))
    await redis.stop()
    report('force offline without Redis', await endSessions(here, there, admin, user, REFUSALS_WITHOUT_REDIS))
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** As in production, but for a line of log per request, which the route compared with has none of. */
const SETTINGS = {
  NODE_ENV: 'production',
  LOG_LEVEL: 'warn',
  LOGIN_CAPTCHA_ENABLED: 'false',
  TRUSTED_PROXIES: '127.0.0.1/32',
  PASSWORD_HASH_COST: '10',
}

interface Refusal {
  /** From the request to end the session to its answer. */
  ending_ms: number
  /** From that answer to the refusal of the next request. */
  refused_ms: number
  /** Requests that were sent after the answer and served. */
  served: number
}

/** A session in use on one process is ended on the other. */
async function endSessions(here: Child, there: Child, admin: Session, user: User, count: number): Promise<Refusal[]> {
  const refusals: Refusal[] = []
  for (let round = 0; round < count; round += 1) {
    const session = await signIn(here, user.username, USER_PASSWORD)
    const use = useUntilRefused(there, session)
    await use.begun
    const started = performance.now()
    const path = `/monitors/sessions/${user.id}?session_uuid=${session.session_uuid}`
    await api(here, 'DELETE', path, admin.headers)
    const acknowledged = performance.now()
    const { refused, served } = await use.after(acknowledged)
    refusals.push({ ending_ms: acknowledged - started, refused_ms: refused - acknowledged, served })
  }
  return refusals
}

/** Sends request after request, so that the process knows the session well. */
function useUntilRefused(child: Child, { headers }: Session) {
  const used: { sent: number; answered: number; status: number }[] = []
  let acknowledged = Number.POSITIVE_INFINITY
  const one = async () => {
    const sent = performance.now()
    const response = await fetch(`${child.url}/api/v1/auth/codes`, { headers })
    await response.text()
    used.push({ sent, answered: performance.now(), status: response.status })
    return sent > acknowledged && response.status === 401
  }
  const begun = one().then(one)
  const ended = begun.then(async () => {
    while (!(await one()));
  })
  return {
    begun,
    async after(time: number) {
      acknowledged = time
      await ended
      const later = used.filter(({ sent }) => sent > time)
      const refused = later.find(({ status }) => status === 401)?.answered ?? Number.NaN
      return { refused, served: later.filter(({ status }) => status !== 401).length }
    },
  }
}

function report(name: string, refusals: Refusal[]): void {
  const served = refusals.reduce((sum, refusal) => sum + refusal.served, 0)
  const row = (text: string, values: number[]) => [
    text,
    ...[0.5, 0.99].map((part) => `${quantile(values, part).toFixed(1)} ms`),
  ]
  console.log(`${name}, ${refusals.length} times: ${served} requests served after the acknowledgement`)
  const rows = [
    ['', 'p50', 'p99'],
    row(
      'acknowledgement to refusal of the next request on the other process',
      refusals.map(({ refused_ms }) => refused_ms),
    ),
    row(
      'request to acknowledgement',
      refusals.map(({ ending_ms }) => ending_ms),
    ),
  ]
  console.log(`${table(rows)}\n`)
  if (served > 0) process.exitCode = 1
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN
}

interface Measure {
  per_second: number
  cpu_us: number
}

/** A route that asks for the session and nothing else, against a public one that answers as little. */
async function compareCost(name: string, child: Child, username: string, options: SessionOptions): Promise<void> {
  const { headers } = await signIn(child, username, USER_PASSWORD)
  const guarded = (seconds: number) => measure(child, '/api/v1/auth/codes', headers, { ...options, seconds })
  const open = (seconds: number) => measure(child, '/healthz', {}, { ...options, seconds })
  await guarded(WARM_UP_SECONDS)
  await open(WARM_UP_SECONDS)
  const rows: string[][] = [['', 'guarded/s', 'public/s', 'ratio', 'guarded CPU', 'public CPU']]
  const rounds: { guarded: Measure; open: Measure }[] = []
  for (let round = 1; round <= options.rounds; round += 1) {
    const found = { guarded: await guarded(options.seconds), open: await open(options.seconds) }
    rounds.push(found)
    rows.push([
      `round ${round}`,
      found.guarded.per_second.toFixed(0),
      found.open.per_second.toFixed(0),
      (found.guarded.per_second / found.open.per_second).toFixed(2),
      `${found.guarded.cpu_us.toFixed(0)} us`,
      `${found.open.cpu_us.toFixed(0)} us`,
    ])
  }
  const ratio = median(rounds.map(({ guarded, open }) => guarded.per_second / open.per_second))
  const cost_us = median(rounds.map(({ guarded, open }) => guarded.cpu_us - open.cpu_us))
  console.log(
    `session check ${name}: ${ratio.toFixed(2)} of the public route by rate, ${cost_us.toFixed(0)} us of processor time a request (medians)`,
  )
  console.log(`${table(rows)}\n`)
}

async function measure(child: Child, path: string, headers: Record<string, string>, options: SessionOptions) {
  const { connections, seconds: duration } = options
  const before_ms = child.cpuMs() ?? Number.NaN
  const { requests, errors, non2xx } = await autocannon({ url: `${child.url}${path}`, headers, connections, duration })
  const cpu_ms = (child.cpuMs() ?? Number.NaN) - before_ms
  if (errors + non2xx > 0) throw new Error(`${errors} errors and ${non2xx} refusals at ${path}`)
  return { per_second: requests.average, cpu_us: (cpu_ms * 1000) / requests.total }
}

/** One of its own, for it is stopped on the way. */
async function startRedis(cwd: string): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort()
  const args = ['--save', '', '--bind', '127.0.0.1', '--port', String(port)]
  const server = spawn('redis-server', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => reject(new Error('needs redis-server on the PATH')))
    server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    server.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept connections')) resolve()
    })
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
