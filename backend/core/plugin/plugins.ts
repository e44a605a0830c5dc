import { setTimeout as sleep } from 'node:timers/promises'
import { eq } from 'drizzle-orm'
import { Conflict, Forbidden, NotFound, type Refusal } from '#backend/common/errors'
import { type Ctx, withTx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { type Plugin, plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { type Laggard, listLaggards } from '#backend/core/plugin/process-registry'
import type { Prepared } from '#backend/core/plugin/runtime'
import { lockSet, type PluginRow, raiseVersion, readSet } from '#backend/core/plugin/set-store'

/** What has become of a change of the set of plugins. */
export interface SetChange {
  set_version: number
  /** Processes that did not follow in time: they serve nothing until they have. */
  out_of_service: Laggard[]
}

/** The plugins of this installation. A change is over when no process serves the set before it. */
export interface Plugins {
  list(ctx: Ctx): Promise<PluginRow[]>
  /** Whether some process that serves has not got to the newest set yet. */
  isChanging(ctx: Ctx): Promise<boolean>
  toggle(ctx: Ctx, name: string): Promise<SetChange>
}

/** How long a change waits for the processes; what is behind for longer has stopped serving by then. */
const CONVERGE_MS = 10_000
const ASK_EVERY_MS = 25

export function createPlugins(hostOf: () => Host): Plugins {
  return {
    list: async ({ db }) => (await readSet(db)).rows,
    async isChanging({ db }) {
      const { version } = await readSet(db)
      return (await listLaggards(hostOf().database, version)).some(({ counts }) => counts)
    },
    toggle: (ctx, name) =>
      changeSet(hostOf(), ctx, async (ctx) => {
        const { rows } = await readSet(ctx.db)
        const row = rowOf(rows, name)
        assertMayToggle(row, rows)
        const routes = hostOf().runtime?.current().app.pluginRoutes.get(name) ?? row.routes
        await ctx.db.update(pluginTable).set({ enabled: !row.enabled, routes }).where(eq(pluginTable.name, name))
      }),
  }
}

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
      prepared = await prepare(host, ctx)
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

async function prepare(host: Host, ctx: Ctx): Promise<Prepared | undefined> {
  try {
    return await host.runtime?.prepare(await readSet(ctx.db))
  } catch (error) {
    ctx.log.warn({ err: error }, 'a set of plugins was refused: no application can be built from it')
    const reason = error instanceof Error ? error.message : String(error)
    throw new Conflict('plugin.unfit', { params: { reason: reason.slice(0, 300) }, cause: error })
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

export function rowOf(rows: readonly PluginRow[], name: string): PluginRow {
  const row = rows.find((one) => one.name === name)
  if (row === undefined) throw new NotFound('plugin.not_found')
  return row
}

function assertMayToggle(row: PluginRow, rows: readonly PluginRow[]): void {
  const refusal = row.enabled ? whyNotDisable(row, rows) : whyNotEnable(row, rows)
  if (refusal !== undefined) throw refusal
}

/** What others need, and what the product cannot do without, stays. */
export function whyNotDisable({ name, manifest }: PluginRow, rows: readonly PluginRow[]): Refusal | undefined {
  if (manifest.required) return new Forbidden('plugin.required', { params: { plugin: name } })
  const needing = rows.filter((one) => one.enabled && one.manifest.depends_on.includes(name))
  return needing.length === 0 ? undefined : new Conflict('plugin.needed', { params: { plugins: namesOf(needing) } })
}

function whyNotEnable({ manifest }: PluginRow, rows: readonly PluginRow[]): Refusal | undefined {
  const enabled = new Set(rows.filter((one) => one.enabled).map((one) => one.name))
  const lacking = manifest.depends_on.filter((name) => !enabled.has(name))
  return lacking.length === 0 ? undefined : new Conflict('plugin.needs', { params: { plugins: lacking.join(', ') } })
}

const namesOf = (rows: readonly Pick<Plugin, 'name'>[]) => rows.map(({ name }) => name).join(', ')
