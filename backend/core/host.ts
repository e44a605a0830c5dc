import { createHmac } from 'node:crypto'
import { type Activity, createActivity } from '#backend/core/activity'
import { SYSTEM } from '#backend/core/actor'
import { type ActorCache, createActorCache } from '#backend/core/actor-cache'
import { type AppModule, auditSink, type MenuStore, menuStore, sessionSource } from '#backend/core/app-module'
import { type Audit, createAudit } from '#backend/core/audit/audit'
import { openEnds } from '#backend/core/audit/ends'
import type { Config } from '#backend/core/config'
import { type Ctx, newCtx, type SetParts, type SharedParts } from '#backend/core/ctx'
import { createEvents } from '#backend/core/events'
import { createLogger, type Logger } from '#backend/core/log'
import { type BuiltInPlugin, loadBuiltIns } from '#backend/core/plugin/built-in'
import { createPluginCode, type PluginCode } from '#backend/core/plugin/code'
import { NO_PLUGINS, type PluginSet, partsOf } from '#backend/core/plugin/parts'
import { createPlugins } from '#backend/core/plugin/plugins'
import type { PluginRuntime } from '#backend/core/plugin/runtime'
import { auditKey, tokenSecret } from '#backend/core/secret'
import { activityIntervalMs, idleLimitSeconds } from '#backend/core/session-times'
import { type Database, openDatabase } from '#backend/database/db'
import { startEmbeddedPostgres } from '#backend/database/embedded-postgres'
import type { Kv } from '#backend/database/kv'
import { createCounters } from '#backend/database/kv-counters'
import { createMemoryKv } from '#backend/database/kv-memory'
import { parseTrustedProxies, type TrustedProxies } from '#backend/utils/client-address'

/** What lives as long as the process; instances of the application come and go on top of it. */
export interface Host {
  readonly config: Config
  readonly log: Logger
  readonly database: Database
  readonly kv: Kv
  readonly actors: ActorCache
  readonly activity: Activity
  /** Absent in the command line, which answers no requests, and where it is switched off. */
  readonly audit: Audit | undefined
  readonly token_secret: string
  readonly trusted_proxies: TrustedProxies
  readonly shared: SharedParts
  readonly menus: MenuStore
  /** The plugins that ship with the product, each after those it depends on. */
  readonly built_ins: readonly BuiltInPlugin[]
  /** The plugins in use; contexts that belong to no request go by it. */
  readonly set: () => PluginSet
  readonly parts: () => SetParts
  useSet(set: PluginSet): void
  readonly apps: readonly AppModule[]
  readonly code: PluginCode
  /** Serves requests; absent while this process serves none. */
  runtime: PluginRuntime | undefined
  /** One connection beside the pool. */
  openConnection(): Database
  /** Begins to hear what other processes say; to be called once the database is migrated. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface HostOptions {
  apps: readonly AppModule[]
  log?: Logger
  role?: 'server' | 'cli'
  /** Whether DATABASE_URL is that of the embedded PostgreSQL, which the caller has started. */
  is_embedded?: boolean
  /** Folder of the plugins that ship with the product; absent: `plugin/` of the program. */
  plugin_folder?: string
  /** Folder of one of them that is not to be loaded. */
  without_plugin?: string
}

/** Opens what the configuration names, starting the embedded PostgreSQL where it names none. */
export async function createHost(
  config: Config,
  { apps, log, role = 'server', is_embedded = false, plugin_folder, without_plugin }: HostOptions,
): Promise<Host> {
  const logger = log ?? createLogger(config)
  const trusted_proxies = parseTrustedProxies(config.TRUSTED_PROXIES)
  const token_secret = await tokenSecret(config)
  const audit_key = auditKey(config, token_secret)
  const audit_ends = openEnds(is_embedded ? { ...config, DATABASE_URL: undefined } : config)
  const built_ins = await loadBuiltIns(plugin_folder, without_plugin)
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ data_dir: config.DATA_DIR, log: logger })
      : undefined
  const connect = (pool_size: number) =>
    openDatabase({
      url: config.DATABASE_URL ?? embedded?.url ?? '',
      time_zone: config.DATETIME_TIMEZONE,
      pool_size,
      application_name: `fba-${role}`,
      prepare: config.DATABASE_PREPARED_STATEMENTS,
    })
  const database = connect(role === 'cli' ? 2 : config.DATABASE_POOL_SIZE)
  const kv = await openKv(config, logger)
  const counters = createCounters(kv)
  const hmac = (text: string) => createHmac('sha256', token_secret).update(text).digest('base64url')
  const events = createEvents({ database, log: logger })
  const sessions = sessionSource(apps)
  const actors = createActorCache({
    database,
    kv,
    events,
    log: logger,
    shares_kv: config.REDIS_URL !== undefined || role === 'server',
    idle_ms: config.SESSION_IDLE_SECONDS * 1000,
    load: (session_uuid, user_id) => sessions.loadActor(database.db, session_uuid, user_id, idleLimitSeconds(config)),
  })
  const activity = createActivity({
    interval_ms: activityIntervalMs(config),
    log: logger,
    write: (session_uuid) => sessions.touchSession(database.db, session_uuid),
  })
  const sink = auditSink(apps)
  const removeExpired = config.AUDIT_RETENTION_DAYS === 0 ? undefined : () => sink.removeExpired(systemCtx(host))
  const audit =
    role === 'server' && config.AUDIT_ENABLED
      ? createAudit({ config, key: audit_key, ends: audit_ends, database, sink, log: logger, removeExpired })
      : undefined
  const plugins = createPlugins(() => host)
  const host: Host = {
    config,
    log: logger,
    database,
    kv,
    actors,
    token_secret,
    trusted_proxies,
    activity,
    audit,
    shared: { config, db: database.db, kv, counters, actors, events, hmac, audit_key, audit_ends, plugins },
    runtime: undefined,
    openConnection: () => connect(1),
    apps,
    code: createPluginCode({ built_ins, db: database.db, data_dir: config.DATA_DIR }),
    menus: menuStore(apps),
    built_ins,
    ...inUse(apps, { ...NO_PLUGINS, enabled: built_ins }),
    async start() {
      await events.start()
      audit?.start()
    },
    async close() {
      // First of all: what is only in memory of it is on disk, whatever hangs afterwards.
      await audit?.close()
      await events.stop()
      await activity.settled()
      await counters.close()
      await kv.close()
      await database.close()
      await embedded?.stop()
    },
  }
  return host
}

async function openKv({ REDIS_URL, REDIS_PREFIX }: Config, log: Logger): Promise<Kv> {
  if (REDIS_URL === undefined) return createMemoryKv()
  // The client takes a tenth of a second to load, which a start without Redis saves.
  const { createRedisKv } = await import('#backend/database/kv-redis')
  return createRedisKv({ url: REDIS_URL, prefix: REDIS_PREFIX, log })
}

/** The set in use; at first `set`. */
function inUse(apps: readonly AppModule[], set: PluginSet): Pick<Host, 'set' | 'parts' | 'useSet'> {
  let current = { set, parts: partsOf(apps, set) }
  return {
    set: () => current.set,
    parts: () => current.parts,
    useSet(next) {
      current = { set: next, parts: partsOf(apps, next) }
    },
  }
}

/** The context of work that nobody asked for over HTTP: seeds and the command line. */
export function systemCtx(host: Host): Ctx {
  return newCtx(host.shared, host.parts(), {
    log: host.log,
    locale: host.config.I18N_DEFAULT_LANGUAGE,
    actor: SYSTEM,
    client: { ip: '127.0.0.1', user_agent: undefined },
    trace_id: 'system',
  })
}
