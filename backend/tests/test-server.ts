import type { Sql } from 'postgres'
import { openDatabase } from '#backend/database/db'

/** of the users `admin` and `test` that every clone has */
export const TEST_PASSWORD = '123456'
export const TEST_TIME_ZONE = 'Asia/Shanghai'

export function withDatabaseName(url: string, name: string): string {
  const result = new URL(url)
  result.pathname = `/${name}`
  return result.href
}

/** One connection, for as long as `fn` runs. */
export async function onServer(url: string, fn: (sql: Sql) => Promise<unknown>): Promise<void> {
  const server = openDatabase({ url, time_zone: TEST_TIME_ZONE, pool_size: 1 })
  try {
    await fn(server.sql)
  } finally {
    await server.close()
  }
}
