import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { Conflict, Refusal, Unavailable } from '#backend/common/errors'
import { changing } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { type Laggard, listLaggards } from '#backend/core/plugin/process-registry'
import type { Prepared } from '#backend/core/plugin/runtime'
import { lockSet, raiseVersion, readSet } from '#backend/core/plugin/set-store'
import { trackedPlugins } from '#backend/core/plugin/tracked-plugins'
import { isConnectionError, isLockTimeout } from '#backend/database/pg-error'
import { errorText } from '#backend/utils/error-text'
import { createTurns, type InTurn } from '#backend/utils/turns'

/** What has become of a change of the set of plugins. */
export interface SetChange {
  set_version: number
  /** Processes that did not follow in time: they serve nothing until they have. */
  out_of_service: Laggard[]
}

export interface SetChangeOptions {
  /** Takes back what the change did outside of the database. Called only when it is certain that nothing is committed. */
  undo?: () => Promise<void>
  /** Processes that have not followed the change before this one, of the same request. */
  out_of_service?: readonly Laggard[]
}

/** How long a change waits for the processes; what is behind for longer has stopped serving by then. */
const CONVERGE_MS = 10_000
const ASK_EVERY_MS = 25
const REASON_MAX = 300
/** How long a change waits for others: of this process, and then of all. */
const WAIT_MS = 20_000

const busy = (cause?: unknown) => new Unavailable('plugin.busy', { cause })
const turns = new WeakMap<Host, InTurn>()

/** Of those that wait for the set's lock each would hold a connection: of one process one does. */
function turnsOf(host: Host): InTurn {
  const inTurn = turns.get(host) ?? createTurns({ at_once: 1, wait_ms: WAIT_MS, full: busy })
  turns.set(host, inTurn)
  return inTurn
}

/**
 * Changes the set by one plugin, then waits until every process serves the new one. What it makes is tried here before
 * it is committed: a set from which no application can be built is refused, and nobody hears of it.
 */
export async function changeSet(
  host: Host,
  outer: Ctx,
  name: string,
  change: (ctx: Ctx) => Promise<void>,
  { undo, out_of_service = [] }: SetChangeOptions = {},
): Promise<SetChange> {
  // Others could not see what this would wait for them to follow.
  if (outer.in_transaction) throw new Error('the set of plugins changes in a transaction of its own')
  const work = (ctx: Ctx) => changing(ctx, [[trackedPlugins, [name]]], change)
  const fate: Fate = { rolled_back: true, committed: false }
  let set_version: number
  try {
    set_version = await turnsOf(host)(() => commitChange(host, outer, work, fate))
  } catch (error) {
    if (fate.rolled_back) await undo?.()
    throw isLockTimeout(error) ? busy(error) : error
  }
  return { set_version, out_of_service: await waitForOthers(host, set_version, out_of_service) }
}

/** Between the two nobody knows: a connection that is lost at the commit does not tell. */
interface Fate {
  rolled_back: boolean
  committed: boolean
}

/** Returns the number of the new set, which this process serves by then. */
async function commitChange(host: Host, outer: Ctx, work: (ctx: Ctx) => Promise<void>, fate: Fate): Promise<number> {
  let prepared: Prepared | undefined
  try {
    return await withTx(outer, async (ctx) => {
      await ctx.afterCommit(async () => {
        fate.committed = true
      })
      await ctx.db.execute(sql`select set_config('lock_timeout', ${String(WAIT_MS)}, true)`)
      await lockSet(ctx.db)
      await work(ctx)
      const version = await raiseVersion(ctx.db)
      prepared = await orUnfit(ctx, () => prepare(host, ctx))
      await ctx.events.emit(ctx, 'plugins.changed', { version })
      fate.rolled_back = false
      return version
    })
  } finally {
    // Also where work after the commit failed: the set has changed all the same.
    if (fate.committed) await follow(host, prepared)
    else await prepared?.discard()
  }
}

async function prepare({ runtime, code }: Host, { db }: Ctx): Promise<Prepared | undefined> {
  if (runtime === undefined) return undefined
  const stored = await readSet(db)
  // What is not loaded yet comes over this connection: there may be no other.
  for (const row of stored.rows) if (row.enabled) await code.find(row, db)
  return runtime.prepare(stored)
}

async function follow({ runtime }: Host, prepared: Prepared | undefined): Promise<void> {
  prepared?.adopt()
  await runtime?.catchUp()
}

/** What a plugin's own code does wrong is told to whoever wants it in use, and is no fault of the product. */
export async function orUnfit<T>(ctx: Ctx, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal || isConnectionError(error) || isLockTimeout(error)) throw error
    ctx.log.warn({ err: error }, 'a set of plugins was refused')
    throw new Conflict('plugin.unfit', { params: { reason: errorText(error).slice(0, REASON_MAX) }, cause: error })
  }
}

/**
 * Who is behind and has neither followed nor gone by itself, when the time is up or they can no longer be serving; and
 * who of `before` is still behind.
 */
async function waitForOthers({ database }: Host, version: number, before: readonly Laggard[]): Promise<Laggard[]> {
  const deadline = performance.now() + CONVERGE_MS
  const counted = new Set(before.map(({ process_id }) => process_id))
  for (;;) {
    const behind = await listLaggards(database, version)
    const serving = behind.filter(({ counts }) => counts)
    for (const { laggard } of serving) counted.add(laggard.process_id)
    if (serving.length === 0 || performance.now() > deadline)
      return behind.map(({ laggard }) => laggard).filter(({ process_id }) => counted.has(process_id))
    await sleep(ASK_EVERY_MS)
  }
}
