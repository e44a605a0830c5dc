import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from '@node-rs/bcrypt'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { seedDevelopment } from '#backend/app/admin/seed/seed'
import { parseConfig } from '#backend/core/config'
import { createHost } from '#backend/core/host'
import { installBuiltIns } from '#backend/core/plugin/built-in-install'
import { startEmbeddedPostgres } from '#backend/database/embedded-postgres'
import { migrateAll } from '#backend/scripts/migrate-database'
import { APPS } from '#backend/server'
import { onServer, TEST_PASSWORD, TEST_TIME_ZONE, withDatabaseName } from '#backend/tests/test-server'

declare module 'vitest' {
  export interface ProvidedContext {
    /** a database of the server that is nobody's, to create and drop others from */
    database_url: string
    /** undefined: the in-process key-value adapter is what the suite runs on */
    redis_url: string | undefined
    /** every database of this run is named `<prefix>_...` */
    database_prefix: string
  }
}

// The cheapest bcrypt there is: hundreds of tests sign in.
const HASH_COST = 4

interface Server {
  url: string
  stop(): Promise<void>
}

/** Runs once: one server, one migrated and seeded template database, of which each test file takes a clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  const prefix = `fba_test_${randomBytes(4).toString('hex')}`
  const teardown = async (): Promise<void> => {
    await dropDatabases(server.url, prefix)
    await server.stop()
  }
  try {
    await makeTemplate(server.url, `${prefix}_template`)
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('database_url', server.url)
  project.provide('database_prefix', prefix)
  project.provide('redis_url', process.env.TEST_REDIS_URL || undefined)
  return teardown
}

async function startServer(): Promise<Server> {
  const url = process.env.TEST_DATABASE_URL
  if (url) return { url, stop: async () => {} }
  const data_dir = await mkdtemp(join(tmpdir(), 'fba-test-postgres-'))
  // What these settings risk is the data after a crash, and nobody wants it then.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const removeData = () => rm(data_dir, { recursive: true, force: true })
  try {
    const server = await startEmbeddedPostgres({ data_dir, settings })
    return { url: server.url, stop: () => server.stop().then(removeData) }
  } catch (error) {
    await removeData()
    throw error
  }
}

async function makeTemplate(url: string, name: string): Promise<void> {
  await onServer(url, (sql) => sql.unsafe(`create database "${name}"`))
  const config = parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: withDatabaseName(url, name),
    DATETIME_TIMEZONE: TEST_TIME_ZONE,
    TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
  })
  const template = await createHost(config, { apps: APPS, log: pino({ level: 'silent' }), role: 'cli' })
  try {
    await migrateAll(template)
    await seedDevelopment(template.database.db, { password_hash: await hash(TEST_PASSWORD, { cost: HASH_COST }) })
    await installBuiltIns(template)
  } finally {
    await template.close()
  }
  // A database that somebody is connected to cannot be cloned.
  await onServer(url, (sql) => sql.unsafe(`alter database "${name}" allow_connections false`))
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  await onServer(url, async (sql) => {
    const names = await sql<
      { datname: string }[]
    >`select datname from pg_database where starts_with(datname, ${prefix})`
    for (const { datname } of names) await sql.unsafe(`drop database if exists "${datname}" with (force)`)
  })
}
