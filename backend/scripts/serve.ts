import { type Config, readConfig } from '#backend/core/config'
import type { HostOptions } from '#backend/core/host'
import { createLogger, type Logger } from '#backend/core/log'
import { ADMIN_USERNAME, SAMPLE_PASSWORD } from '#backend/scripts/accounts'
import { keepEmbeddedPostgres } from '#backend/scripts/embedded'
import { explain } from '#backend/scripts/explain'
import type { Seeded } from '#backend/scripts/seed-database'
import { stopSignal } from '#backend/scripts/signals'

export interface RunningServer {
  url: string
  /** Takes no more, answers what is under way, then closes all that was opened. */
  stop(): Promise<void>
}

export type ServeOptions = Pick<HostOptions, 'plugin_folder'>

/** How long an answer may still take once the process is asked to stop, and all of stopping. */
const ANSWER_MS = 7_000
const STOP_MS = 10_000

/** Serves until a signal asks to stop: exit code 0; 1 when it could not start, or had to be broken off. */
export async function startServer(options: ServeOptions = {}): Promise<void> {
  const asked = stopSignal()
  try {
    const config = readConfig()
    const log = createLogger(config)
    endOnBugs(log)
    const server = await openServer(config, log, options)
    log.info({ signal: await asked }, 'stopping')
    setTimeout(() => endProcess(log, 'stopping took too long'), STOP_MS).unref()
    await server.stop()
    log.info({}, 'stopped')
    process.exit(0)
  } catch (error) {
    console.error(explain(error))
    process.exit(1)
  }
}

/** After a bug nobody caught, nothing is known of the state of this process. */
function endOnBugs(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (err: unknown) => endProcess(log, event, err))
}

function endProcess(log: Logger, reason: string, err?: unknown): never {
  log.fatal({ err }, reason)
  process.exit(1)
}

/** A server that listens, on a database that is migrated and seeded. Leaves nothing open when it throws. */
export async function openServer(config: Config, log: Logger, options: ServeOptions = {}): Promise<RunningServer> {
  const opened: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    // Loading the program takes as long as starting PostgreSQL, so both happen at once.
    const loading = loadProgram()
    loading.catch(() => undefined)
    const postgres = config.DATABASE_URL === undefined ? await keepEmbeddedPostgres(config.DATA_DIR, log) : undefined
    if (postgres !== undefined) opened.push(() => postgres.stop())
    const program = await loading
    const host = await program.createHost(
      { ...config, DATABASE_URL: config.DATABASE_URL ?? postgres?.url },
      { apps: program.APPS, log, is_embedded: postgres !== undefined, ...options },
    )
    opened.push(() => host.close())
    await program.migrateAll(host, { log })
    const seeded = await program.seedDatabase(host)
    await host.start()
    const runtime = await program.startRuntime(host, (set) => program.buildApp(host, program.APPS, set))
    opened.push(() => runtime.stop())
    const server = program.createHttpServer(runtime.handle, log)
    opened.push(() => server.stop(ANSWER_MS))
    const url = await server.listen({ host: config.HOST, port: config.PORT })
    postgres?.watch(() => program.isReachable(host.database))
    announce(config, url, seeded)
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function loadProgram() {
  const [
    edge,
    { createHost },
    { createHttpServer },
    { startRuntime },
    { migrateAll },
    { seedDatabase },
    { isReachable },
  ] = await Promise.all([
    import('#backend/server'),
    import('#backend/core/host'),
    import('#backend/core/http-server'),
    import('#backend/core/plugin/runtime'),
    import('#backend/scripts/migrate-database'),
    import('#backend/scripts/seed-database'),
    import('#backend/core/health'),
  ])
  const { APPS, buildApp } = edge
  return { APPS, buildApp, createHost, createHttpServer, startRuntime, migrateAll, seedDatabase, isReachable }
}

/** What a person who started it wants to know; a generated password goes nowhere else, above all into no log file. */
function announce(config: Config, url: string, { generated_password }: Seeded): void {
  const lines: string[] = []
  if (generated_password !== undefined)
    lines.push(
      `Administrator made: ${ADMIN_USERNAME}, password ${generated_password}`,
      'It is shown this once. Sign in and change it.',
    )
  if (config.NODE_ENV !== 'production') {
    lines.push(`Listening on  ${url}`)
    if (config.DOCS_ENABLED) lines.push(`Documentation ${url}/docs`)
  }
  if (config.DEV_SAMPLE_ACCOUNTS)
    lines.push(
      `Sample accounts: admin (superuser) and test, password ${SAMPLE_PASSWORD}, made by the first start.`,
      `Because of them this listens on 127.0.0.1 only${config.HOST_IGNORED ? ', whatever HOST says' : ''}; DEV_SAMPLE_ACCOUNTS=false starts without.`,
    )
  if (lines.length > 0) process.stdout.write(`\n${lines.map((line) => `  ${line}\n`).join('')}\n`)
}
