import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import autocannon from 'autocannon'
import { ensureBuilt, MAIN, ROOT } from './built.js'
import { type Child, startChild } from './child.js'
import { createDatabase, DEPARTMENTS, embeddedUrl, seedSample, USERS } from './database.js'
import { machine, median, table } from './numbers.js'

export interface HttpOptions {
  rounds: number
  seconds: number
  connections: number
  embedded: boolean
}

const WARM_UP_SECONDS = 2
const PATHS = {
  'users/me': '/api/v1/sys/users/me',
  'users list, 20 rows': '/api/v1/sys/users?page=1&size=20',
  'department tree': '/api/v1/sys/depts',
}

interface Server {
  name: 'product' | 'ceiling'
  child: Child
  headers: Record<string, string>
}
interface Measure {
  per_second: number
  /** Not disturbed by whoever else uses the machine. */
  cpu_us: number
  p99_ms: number
}

/** The built product against a bare server that does the same queries, in turns, on one database. */
export async function benchHttp(options: HttpOptions): Promise<void> {
  ensureBuilt()
  const folder = mkdtempSync(join(tmpdir(), 'fba-bench-http-'))
  const database = options.embedded ? undefined : await createDatabase()
  const children: Child[] = []
  try {
    const admin_password = `Bench-${randomBytes(9).toString('base64url')}`
    const product = await startProduct(folder, admin_password, database?.url)
    children.push(product)
    const database_url = database?.url ?? embeddedUrl(join(folder, 'data'))
    await seedSample(database_url)
    const { token, user_id } = await signIn(product.url, admin_password)
    const ceiling = await startCeiling(database_url, user_id)
    children.push(ceiling)
    const servers: Server[] = [
      { name: 'product', child: product, headers: { authorization: `Bearer ${token}` } },
      { name: 'ceiling', child: ceiling, headers: {} },
    ]
    describeRun(options, database === undefined ? 'the embedded PostgreSQL' : 'a PostgreSQL server')
    for (const [name, path] of Object.entries(PATHS)) await compare(name, path, servers, options)
  } finally {
    for (const child of children.reverse()) await child.stop()
    await database?.drop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As in production, the log of every request included; only the captcha is off, for there is nobody to read it. */
function startProduct(folder: string, admin_password: string, database_url: string | undefined): Promise<Child> {
  return startChild({
    args: ['--enable-source-maps', MAIN],
    cwd: folder,
    env: {
      NODE_ENV: 'production',
      TOKEN_SECRET_KEY: randomBytes(32).toString('base64url'),
      ADMIN_PASSWORD: admin_password,
      LOGIN_CAPTCHA_ENABLED: 'false',
      DATA_DIR: join(folder, 'data'),
      ...(database_url === undefined ? {} : { DATABASE_URL: database_url }),
    },
    ready_path: '/api/v1/auth/captcha',
  })
}

function startCeiling(database_url: string, user_id: number): Promise<Child> {
  return startChild({
    args: ['--import', 'tsx', join(ROOT, 'scripts', 'bench', 'ceiling.ts')],
    cwd: ROOT,
    env: { NODE_ENV: 'production', DATABASE_URL: database_url, USER_ID: String(user_id) },
    ready_path: '/ready',
  })
}

async function signIn(url: string, password: string): Promise<{ token: string; user_id: number }> {
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  })
  const { msg, data } = (await response.json()) as { msg: string; data: { access_token: string; user: { id: number } } }
  if (response.status !== 200) throw new Error(`signing in was answered with ${response.status}: ${msg}`)
  return { token: data.access_token, user_id: data.user.id }
}

function describeRun({ rounds, seconds, connections }: HttpOptions, store: string): void {
  console.log(`node ${process.version}, ${machine()}; ${store}; ${USERS} users, ${DEPARTMENTS} departments`)
  console.log(`${connections} connections, ${rounds} rounds of ${seconds} s each, in turns\n`)
}

const HEADING = ['', 'product/s', 'ceiling/s', 'ratio', 'product CPU', 'ceiling CPU', 'product p99', 'ceiling p99']

async function compare(name: string, path: string, servers: Server[], options: HttpOptions): Promise<void> {
  await assertSameAnswer(path, servers)
  for (const server of servers) await measure(server, path, { ...options, seconds: WARM_UP_SECONDS })
  const rounds: Record<Server['name'], Measure>[] = []
  for (let round = 1; round <= options.rounds; round += 1) {
    const found: Partial<Record<Server['name'], Measure>> = {}
    // Whoever comes second may find a warmer machine: they take turns in that too.
    for (const server of round % 2 === 1 ? servers : servers.toReversed())
      found[server.name] = await measure(server, path, options)
    rounds.push(found as Record<Server['name'], Measure>)
  }
  const by_rate = rounds.map(({ product, ceiling }) => product.per_second / ceiling.per_second)
  const by_cpu = rounds.map(({ product, ceiling }) => ceiling.cpu_us / product.cpu_us)
  console.log(
    `${name}: ${median(by_rate).toFixed(2)} of the ceiling by rate, ${median(by_cpu).toFixed(2)} by processor time (medians)`,
  )
  console.log(`${table([HEADING, ...rounds.map(roundRow)])}\n`)
}

function roundRow({ product, ceiling }: Record<Server['name'], Measure>, index: number): string[] {
  const both = (text: (measure: Measure) => string) => [text(product), text(ceiling)]
  return [
    `round ${index + 1}`,
    ...both(({ per_second }) => per_second.toFixed(0)),
    (product.per_second / ceiling.per_second).toFixed(2),
    ...both(({ cpu_us }) => `${cpu_us.toFixed(0)} us`),
    ...both(({ p99_ms }) => `${p99_ms.toFixed(0)} ms`),
  ]
}

/** Otherwise the ceiling would be one of something else. */
async function assertSameAnswer(path: string, servers: Server[]): Promise<void> {
  const answers = await Promise.all(
    servers.map(async ({ child, headers }) => {
      const response = await fetch(`${child.url}${path}`, { headers })
      const { data } = (await response.json()) as { data: unknown }
      return { status: response.status, data }
    }),
  )
  const [first, ...others] = answers
  if (first?.status !== 200 || others.some((other) => !isDeepStrictEqual(other, first)))
    throw new Error(`product and ceiling answer ${path} differently:\n${answers.map(excerpt).join('\n')}`)
}

const excerpt = (answer: unknown) => JSON.stringify(answer).slice(0, 1500)

async function measure({ name, child, headers }: Server, path: string, options: HttpOptions): Promise<Measure> {
  const { connections, seconds: duration } = options
  const before_ms = child.cpuMs() ?? Number.NaN
  const { requests, latency, errors, non2xx } = await autocannon({
    url: `${child.url}${path}`,
    headers,
    connections,
    duration,
  })
  const cpu_ms = (child.cpuMs() ?? Number.NaN) - before_ms
  if (errors + non2xx > 0) throw new Error(`${name}: ${errors} errors and ${non2xx} refusals at ${path}`)
  return { per_second: requests.average, cpu_us: (cpu_ms * 1000) / requests.total, p99_ms: latency.p99 }
}
