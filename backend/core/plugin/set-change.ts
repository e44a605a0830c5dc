import { setTimeout as sleep } from 'node:timers/promises'
import { Conflict, Refusal } from '#backend/common/errors'
import { type Ctx, withTx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { type Laggard, listLaggards } from '#backend/core/plugin/process-registry'
import type { Prepared } from '#backend/core/plugin/runtime'
import { lockSet, raiseVersion, readSet } from '#backend/core/plugin/set-store'
import { isConnectionError } from '#backend/database/pg-error'

/** What has become of a change of the set of plugins. */
export interface SetChange {
  set_version: number
  /** Processes that did not follow in time: they serve nothing until they have. */
  out_of_service: Laggard[]
}

/** How long a change waits for the processes; what is behind for longer has stopped serving by then. */
const CONVERGE_MS = 10_000
const ASK_EVERY_MS = 25
const REASON_MAX = 300

/**
 * Changes the set, then waits until every process serves the new one. What it makes is tried here before it is
 * committed: a set from which no application can be built is refused, and nobody hears of it.
 */
export async function changeSet(host: Host, outer: Ctx, change: (ctx: Ctx) => Promise<void>): Promise<SetChange> {
  // Others could not see what this would wait for them to follow.
  if (outer.in_transaction) throw new Error('the set of plugins changes in a transaction of its own')
  let prepared: Prepared | undefined
  let set_version: number
  try {
    set_version = await withTx(outer, async (ctx) => {
      await lockSet(ctx.db)
      await change(ctx)
      const version = await raiseVersion(ctx.db)
      prepared = await orUnfit(ctx, async () => host.runtime?.prepare(await readSet(ctx.db)))
      await ctx.events.emit(ctx, 'plugins.changed', { version })
      return version
    })
  } catch (error) {
    await prepared?.discard()
    throw error
  }
  prepared?.adopt()
  await host.runtime?.catchUp()
  return { set_version, out_of_service: await waitForOthers(host, set_version) }
}

/** What a plugin's own code does wrong is told to whoever wants it in use, and is no fault of the product. */
export async function orUnfit<T>(ctx: Ctx, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal || isConnectionError(error)) throw error
    ctx.log.warn({ err: error }, 'a set of plugins was refused')
    const reason = error instanceof Error ? error.message : String(error)
    throw new Conflict('plugin.unfit', { params: { reason: reason.slice(0, REASON_MAX) }, cause: error })
  }
}

/** Who is behind and has neither followed nor gone by itself, when the time is up or they can no longer be serving. */
async function waitForOthers({ database }: Host, version: number): Promise<Laggard[]> {
  const deadline = performance.now() + CONVERGE_MS
  const counted = new Set<string>()
  for (;;) {
    const behind = await listLaggards(database, version)
    const serving = behind.filter(({ counts }) => counts)
    for (const { laggard } of serving) counted.add(laggard.process_id)
    if (serving.length === 0 || performance.now() > deadline)
      return behind.map(({ laggard }) => laggard).filter(({ process_id }) => counted.has(process_id))
    await sleep(ASK_EVERY_MS)
  }
}
