import { type Log, launch, START_MS } from '#backend/database/embedded-postgres/launch'
import { ensurePassword, type Layout, prepareLayout } from '#backend/database/embedded-postgres/layout'
import { databaseUrl, ensureDatabase } from '#backend/database/embedded-postgres/probe'
import { shutDown } from '#backend/database/embedded-postgres/running'
import { withStartLock } from '#backend/database/embedded-postgres/start-lock'
import { addUser, removeUser } from '#backend/database/embedded-postgres/users'

export interface EmbeddedPostgres {
  /** Names the database `fba`, whose owner the user in the URL is. */
  url: string
  /** Whether the server was running already: started by another process, or left over by one that was killed. */
  adopted: boolean
  /** Ends this use; the server ends with its last user. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** The data are in `postgres` below it. */
  data_dir: string
  log?: { info(obj: object, msg?: string): void; warn(obj: object, msg?: string): void }
  /** More server settings; they count only when this call is the one that starts the server. */
  settings?: Record<string, string>
}

/** A starter may wait for a recovery, and a stopper for a last checkpoint. */
const LOCK_MS = START_MS + 60_000
const SILENT: Log = { info: () => undefined, warn: () => undefined }

/**
 * Starts PostgreSQL on the data below `data_dir`, or joins the one that runs there: all processes that name the same folder share
 * one server. Nothing watches it afterwards; calling again brings a dead server back, on the same port where that is free.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const layout = prepareLayout(options.data_dir)
    return await withStartLock(layout.run_dir, LOCK_MS, () => start(layout, options))
  } catch (cause) {
    const reason = (cause as Error).message
    throw new Error(
      `The embedded PostgreSQL in ${options.data_dir} cannot be used: ${reason}. Set DATABASE_URL to use another PostgreSQL.`,
      { cause },
    )
  }
}

async function start(
  layout: Layout,
  { log = SILENT, settings = {} }: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const started_at = Date.now()
  const password = ensurePassword(layout)
  const { port, adopted } = await launch({ layout, password, settings, log })
  const access = { port, password }
  try {
    await ensureDatabase(access)
  } catch (error) {
    if (!adopted) await shutDown(layout, password)
    throw error
  }
  const user = addUser(layout.users_dir)
  log.info({ port, adopted, took_ms: Date.now() - started_at }, 'embedded PostgreSQL is ready')
  let stopping: Promise<void> | undefined
  return {
    url: databaseUrl(access),
    adopted,
    stop: () => {
      stopping ??= withStartLock(layout.run_dir, LOCK_MS, () => stop(layout, user, password, log))
      return stopping
    },
  }
}

async function stop(layout: Layout, user: string, password: string, log: Log): Promise<void> {
  const remaining = removeUser(layout.users_dir, user)
  if (remaining > 0) {
    log.info({ remaining }, 'embedded PostgreSQL goes on for its other users')
    return
  }
  await shutDown(layout, password)
  log.info({}, 'embedded PostgreSQL is stopped')
}
