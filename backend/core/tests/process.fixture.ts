import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { parseConfig } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import { createHost, type Host, systemCtx } from '#backend/core/host'
import type { Db } from '#backend/database/db'
import { APPS } from '#backend/server'

export interface Process {
  host: Host
  ctx: Ctx
  close(): Promise<void>
}

export interface ProcessOptions {
  database_url: string
  role?: 'server' | 'cli'
  /** Whether it hears what others say. */
  hears?: boolean
  settings?: Record<string, string>
}

/** What a process of the product holds, without its routes; several live side by side in one test. */
export async function openProcess(options: ProcessOptions): Promise<Process> {
  const { database_url, role = 'server', hears = true, settings = {} } = options
  const data_dir = mkdtempSync(join(tmpdir(), 'fba-test-data-'))
  const config = parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: database_url,
    DATABASE_POOL_SIZE: '4',
    DATA_DIR: data_dir,
    LOG_LEVEL: 'silent',
    ...settings,
  })
  const host = await createHost(config, { apps: APPS, log: pino({ level: 'silent' }), role })
  if (hears) await host.start()
  return {
    host,
    ctx: systemCtx(host),
    async close() {
      await host.close()
      rmSync(data_dir, { recursive: true, force: true })
    },
  }
}

/** A user with one living session. */
export async function makeSession(db: Db): Promise<{ user_id: number; session_uuid: string }> {
  const username = `user_${randomBytes(5).toString('hex')}`
  const [row] = await db.insert(user).values({ username, nickname: username, is_staff: false }).returning()
  if (row === undefined) throw new Error('nobody was inserted')
  const session_uuid = randomUUID()
  await db.insert(session).values({
    session_uuid,
    user_id: row.id,
    refresh_hash: randomBytes(32).toString('hex'),
    ip: '127.0.0.1',
    expire_time: new Date(Date.now() + 3_600_000),
  })
  return { user_id: row.id, session_uuid }
}
