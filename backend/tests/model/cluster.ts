import { randomBytes } from 'node:crypto'
import { type Database, openDatabase } from '#backend/database/db'
import { freePort, type PrivateRedis, startRedis } from '#backend/database/tests/redis-server'
import { type Link, openLink } from '#backend/tests/model/link'
import { take } from '#backend/tests/model/pick'
import { makeFolder, startServer } from '#backend/tests/process/spawned'
import { createTestDatabase } from '#backend/tests/test-database'
import { TEST_TIME_ZONE } from '#backend/tests/test-server'

export const PROCESSES = 4
/** The one whose commands to Redis arrive late, the one ahead of time, and the one that can be made to hear at once. */
const SLOW = 1
const AHEAD = 2
const HEARING = 0
const SLOW_LAG_MS = 15
const DEAF_LAG_MS = 1500
/** The life of a refresh token's repetition, as short as it can be without being over on a busy machine. */
export const GRACE_SECONDS = 2

export const HASH_COST = 8

export interface Cluster {
  /** Of the processes. */
  urls: readonly string[]
  /** The test's own connection. */
  database: Database
  redis: Outages
  /** From each process to Redis. */
  links: readonly Link[]
  /**
   * Whether one process hears of changes at once; the others do so late. Whoever hears of a change passes it on through
   * Redis, which hides one that was told in no other way.
   */
  letOneHear(hears: boolean): void
  /** Redis runs and every process reaches it. */
  heal(): Promise<void>
  /** What the processes have said that is worth a look. */
  complaints(): string
  close(): Promise<void>
}

export interface Outages {
  state(): 'up' | 'down' | 'paused'
  kill(): Promise<void>
  start(): Promise<void>
  pause(): void
  resume(): void
  counts: { kills: number; pauses: number; cuts: number }
}

/** Four processes on one PostgreSQL and one Redis of the test's own. */
export async function openCluster(): Promise<Cluster> {
  const opened: (() => unknown)[] = []
  const close = async () => {
    for (const step of opened.splice(0).reverse()) await step()
  }
  try {
    return await open(opened, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function open(opened: (() => unknown)[], close: () => Promise<void>): Promise<Cluster> {
  const port = await freePort()
  const redis = createOutages(port, await startRedis(port))
  opened.push(() => redis.kill())
  const own = await createTestDatabase()
  const { url } = own
  opened.push(() => own.drop())
  const database = openDatabase({ url, time_zone: TEST_TIME_ZONE, pool_size: 4 })
  opened.push(() => database.close())
  const links = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) => openLink({ port, ...(index === SLOW && { lag_ms: SLOW_LAG_MS }) })),
  )
  let oneHears = true
  const ways = await Promise.all(
    links.map((_, index) => {
      const lag_ms = () => (index === HEARING && oneHears ? 0 : DEAF_LAG_MS)
      return openLink({ port: Number(new URL(url).port) || 5432, deaf: { said: 'listen "fba_events"', lag_ms } })
    }),
  )
  for (const link of [...links, ...ways]) opened.push(() => link.close())
  const folder = makeFolder()
  opened.push(() => folder.remove())
  const secret = randomBytes(24).toString('hex')
  const servers = await Promise.all(
    links.map(async (link, index) => {
      const server = await startServer(folder.path, {
        ...SETTINGS,
        TOKEN_SECRET_KEY: secret,
        DATABASE_URL: through(url, take(ways, index)),
        REDIS_URL: `redis://127.0.0.1:${link.port}`,
        ...(index === AHEAD && { NODE_OPTIONS: `--import=${new URL('clock-ahead.mjs', import.meta.url).href}` }),
      })
      opened.push(() => server.stop())
      return server
    }),
  )
  return {
    urls: servers.map((server) => server.url),
    database,
    redis,
    links,
    letOneHear(hears) {
      oneHears = hears
    },
    async heal() {
      for (const link of links) link.mend()
      if (redis.state() === 'paused') redis.resume()
      if (redis.state() === 'down') await redis.start()
    },
    complaints: () => servers.flatMap(({ stdout }, index) => errorsIn(stdout(), index)).join('\n'),
    close,
  }
}

const SETTINGS = {
  NODE_ENV: 'test',
  LOG_LEVEL: 'warn',
  TRUSTED_PROXIES: '127.0.0.1/32',
  TOKEN_REFRESH_GRACE_SECONDS: String(GRACE_SECONDS),
  USER_GUESS_THRESHOLD: '1000000',
  USER_LOCK_THRESHOLD: '0',
  DATABASE_POOL_SIZE: '5',
  // Long enough for something to happen meanwhile.
  PASSWORD_HASH_COST: String(HASH_COST),
}

function through(url: string, link: Link): string {
  const result = new URL(url)
  result.hostname = '127.0.0.1'
  result.port = String(link.port)
  return result.href
}

/** Lines of level error and above. */
function errorsIn(output: string, index: number): string[] {
  return output
    .split('\n')
    .filter((line) => /"level":[56]0/.test(line))
    .map((line) => `process ${index}: ${line}`)
}

function createOutages(port: number, first: PrivateRedis): Outages {
  let server: PrivateRedis | undefined = first
  let paused = false
  const counts = { kills: 0, pauses: 0, cuts: 0 }
  return {
    counts,
    state: () => (server === undefined ? 'down' : paused ? 'paused' : 'up'),
    async kill() {
      const doomed = server
      server = undefined
      paused = false
      counts.kills += 1
      await doomed?.stop()
    },
    async start() {
      server ??= await startRedis(port)
    },
    pause() {
      server?.signal('SIGSTOP')
      paused = true
      counts.pauses += 1
    },
    resume() {
      server?.signal('SIGCONT')
      paused = false
    },
  }
}
