import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import { storeTestFiles } from './test-files.js'

// Runs the tests that use a database or a key-value store on a real PostgreSQL and Redis, which must be there. Arguments
// go on to vitest; files among them are run instead of all.

const database_url = process.env.TEST_DATABASE_URL || 'postgres://postgres@127.0.0.1:5432/postgres'
const redis_url = process.env.TEST_REDIS_URL || 'redis://127.0.0.1:6379'

/** Undefined when the service answers. */
async function complaint(name: string, url: string, ask: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ask()
    return undefined
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    const where = new URL(url)
    where.password = ''
    return `${name}=${where.href} cannot be used: ${message || code}`
  }
}

async function askPostgres(): Promise<void> {
  const sql = postgres(database_url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    const [row] = await sql<
      { may: boolean }[]
    >`select rolcreatedb or rolsuper as may from pg_roles where rolname = user`
    if (row?.may !== true) throw new Error('its user may not create databases, of which every test file takes one')
  } finally {
    await sql.end({ timeout: 1 })
  }
}

async function askRedis(): Promise<void> {
  const redis = new Redis(redis_url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000 })
  let reason: Error | undefined
  redis.on('error', (error) => {
    reason = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw reason ?? error
  } finally {
    redis.disconnect()
  }
}

const complaints = await Promise.all([
  complaint('TEST_DATABASE_URL', database_url, askPostgres),
  complaint('TEST_REDIS_URL', redis_url, askRedis),
])
const told = complaints.filter((one) => one !== undefined)
if (told.length > 0) {
  console.error(told.join('\n'))
  process.exit(1)
}
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const given = process.argv.slice(2)
const files = given.every((argument) => argument.startsWith('-')) ? storeTestFiles() : []
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'backend', ...given, ...files], {
  stdio: 'inherit',
  env: { ...process.env, TEST_DATABASE_URL: database_url, TEST_REDIS_URL: redis_url },
})
process.exit(status ?? 1)
