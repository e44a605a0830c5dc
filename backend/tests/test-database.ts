import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { onServer, withDatabaseName } from '#backend/tests/test-server'

export interface TestDatabase {
  url: string
  drop(): Promise<void>
}

/** A database of one's own with the newest schema and the development seed. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(`template "${inject('database_prefix')}_template"`)
}

/** A database with nothing in it. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template template0')
}

async function createDatabase(origin: string): Promise<TestDatabase> {
  const server_url = inject('database_url')
  const name = `${inject('database_prefix')}_${randomBytes(6).toString('hex')}`
  await onServer(server_url, (sql) => sql.unsafe(`create database "${name}" ${origin}`))
  return {
    url: withDatabaseName(server_url, name),
    drop: () => onServer(server_url, (sql) => sql.unsafe(`drop database if exists "${name}" with (force)`)),
  }
}
