import { Refusal } from '#backend/common/errors'
import type { Actor } from '#backend/core/actor'
import type { ActorCache } from '#backend/core/actor-cache'
import type { Ends } from '#backend/core/audit/ends'
import type { RowChange } from '#backend/core/changes'
import type { Config } from '#backend/core/config'
import type { Events } from '#backend/core/events'
import type { HookRunner } from '#backend/core/hooks'
import type { Log } from '#backend/core/log'
import type { Plugins } from '#backend/core/plugin/plugins'
import { type Db, inSnapshot, inTransaction, type TxOptions } from '#backend/database/db'
import type { Kv } from '#backend/database/kv'
import type { Counters } from '#backend/database/kv-counters'
import type { ScopedModel } from '#backend/database/scoped-model'
import type { Locale } from '#backend/locale/translate'

/** Where a request comes from; both fields are bounded. */
export interface Client {
  readonly ip: string
  readonly user_agent: string | undefined
}

/** Everything a service may use, always its first argument. Built once per request; never kept. */
export interface Ctx {
  readonly config: Config
  readonly db: Db
  readonly kv: Kv
  readonly counters: Counters
  readonly log: Log
  readonly locale: Locale
  readonly actor: Actor
  readonly actors: ActorCache
  readonly events: Events
  /** A hash that only processes with this installation's secret can make. */
  readonly hmac: (text: string) => string
  /** Of the hashes that chain the operation log. */
  readonly audit_key: string
  /** What this machine knows of it beside the database. */
  readonly audit_ends: Ends
  /** The models that take part in row permissions, by name. */
  readonly scoped_models: ReadonlyMap<string, ScopedModel>
  readonly plugins: Plugins
  /** Calls the plugins in use. */
  readonly hooks: HookRunner
  /** What plugins in use say instead of the configuration, in the order in which a later one wins. */
  readonly overrides: readonly ((ctx: Ctx) => Promise<Readonly<Record<string, string>>>)[]
  /** Names of the menus of plugins that are not in use. */
  readonly hidden_menus: ReadonlySet<string>
  readonly client: Client
  readonly trace_id: string
  /** How this request has changed rows; see `changing`. */
  readonly changes: RowChange[]
  /** Runs `work` once the transaction has committed, before the answer; outside of one, at once. */
  readonly afterCommit: (work: () => Promise<void>) => Promise<void>
  readonly in_transaction: boolean
}

/** The part of a context that is the same for every request of one process. */
export type SharedParts = Pick<
  Ctx,
  'config' | 'db' | 'kv' | 'counters' | 'actors' | 'events' | 'hmac' | 'audit_key' | 'audit_ends' | 'plugins'
>
/** The part that comes from the applications and the plugins in use. */
export type SetParts = Pick<Ctx, 'scoped_models' | 'hooks' | 'overrides' | 'hidden_menus'>
/** What is known of somebody who asks. */
export type Asking = Pick<Ctx, 'log' | 'locale' | 'actor' | 'client' | 'trace_id'>

/**
 * A context outside of a transaction. Every member is named: to V8, an object that is spread into and then given further
 * ones has a hidden class of its own each time, kept until the whole heap is collected.
 */
export function newCtx(shared: SharedParts, parts: SetParts, { log, locale, actor, client, trace_id }: Asking): Ctx {
  return {
    config: shared.config,
    db: shared.db,
    kv: shared.kv,
    counters: shared.counters,
    actors: shared.actors,
    events: shared.events,
    hmac: shared.hmac,
    audit_key: shared.audit_key,
    audit_ends: shared.audit_ends,
    plugins: shared.plugins,
    scoped_models: parts.scoped_models,
    hooks: parts.hooks,
    overrides: parts.overrides,
    hidden_menus: parts.hidden_menus,
    log,
    locale,
    actor,
    client,
    trace_id,
    changes: [],
    afterCommit: runNow,
    in_transaction: false,
  }
}

const runNow = (work: () => Promise<void>): Promise<void> => work()

/**
 * Runs `fn` in one transaction with a context of its own, which shadows the outer one. Within a transaction it joins
 * it. Work queued by `afterCommit` runs in order after the commit and is awaited. What was committed stays acknowledged
 * when such work fails, so a failure is logged; only a refusal is thrown, by work that finds the answer would be false.
 */
export async function withTx<T>(outer: Ctx, fn: (ctx: Ctx) => Promise<T>, options?: TxOptions): Promise<T> {
  if (outer.in_transaction) return fn(outer)
  const queued: (() => Promise<void>)[] = []
  const afterCommit = async (work: () => Promise<void>) => {
    queued.push(work)
  }
  const work = (db: Db) => fn({ ...outer, db, afterCommit, in_transaction: true })
  const result = await inTransaction(outer.db, work, options)
  await runAll(outer, queued)
  return result
}

/** Runs `fn`, which only reads, on what is there now: what others commit meanwhile is not seen. */
export async function withSnapshot<T>(outer: Ctx, fn: (ctx: Ctx) => Promise<T>): Promise<T> {
  return inSnapshot(outer.db, (db) => fn({ ...outer, db, in_transaction: true }))
}

async function runAll(ctx: Ctx, queued: readonly (() => Promise<void>)[]): Promise<void> {
  const refusals: Refusal[] = []
  for (const work of queued) {
    try {
      await work()
    } catch (error) {
      ctx.log.error({ err: error }, 'work after commit failed')
      if (error instanceof Refusal) refusals.push(error)
    }
  }
  if (refusals[0] !== undefined) throw refusals[0]
}
