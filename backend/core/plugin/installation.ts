import { eq, sql } from 'drizzle-orm'
import { Conflict, Forbidden, Unavailable } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { type PluginFiles, readArchive } from '#backend/core/plugin/install/archive'
import { collectFacts } from '#backend/core/plugin/install/collect-facts'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { fetchGit, type GitReach } from '#backend/core/plugin/install/git'
import { removeUnpacked } from '#backend/core/plugin/install/load'
import { checkAgainstFacts, manifestOf } from '#backend/core/plugin/install/manifest-check'
import { checkReport } from '#backend/core/plugin/install/report-check'
import { type StagedPlugin, stagePlugin } from '#backend/core/plugin/install/stage'
import { type LoadedPlugin, tablesOf } from '#backend/core/plugin/loaded'
import { appliedMigrations, applyMigrations } from '#backend/core/plugin/migrations'
import { type PluginSource, plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { assertColumns } from '#backend/core/plugin/model-columns'
import { replaceMenus } from '#backend/core/plugin/plugin-menus'
import { whyNotEnable } from '#backend/core/plugin/plugin-rules'
import { sow, withStatementLimit } from '#backend/core/plugin/plugin-work'
import { changeSet, orUnfit, type SetChange } from '#backend/core/plugin/set-change'
import { type PluginRow, readSet } from '#backend/core/plugin/set-store'
import type { Db } from '#backend/database/db'
import { createTurns } from '#backend/utils/turns'

/** Each compiles, and takes a process with memory of its own; the others wait. */
const stagingInTurn = createTurns({ at_once: 2, wait_ms: 60_000, full: () => new Unavailable('plugin.busy') })

export async function installArchive(host: Host, ctx: Ctx, archive: Buffer): Promise<SetChange> {
  assertAllowed(ctx)
  const files = await readArchive(archive, { bytes_max: ctx.config.PLUGIN_ARCHIVE_BYTES_MAX })
  return install(host, ctx, files, 'zip')
}

export async function installRepository(
  host: Host,
  ctx: Ctx,
  repo_url: string,
  reach: GitReach = {},
): Promise<SetChange> {
  assertAllowed(ctx)
  const { PLUGIN_INSTALL_HOSTS: hosts, DATA_DIR: data_dir } = ctx.config
  return install(host, ctx, await fetchGit(repo_url, { ...reach, hosts, data_dir }), 'git')
}

function assertAllowed({ config }: Ctx): void {
  if (!config.PLUGIN_INSTALL) throw new Forbidden('plugin.install_off')
}

async function install(host: Host, ctx: Ctx, files: PluginFiles, source: PluginSource): Promise<SetChange> {
  const { DATA_DIR: data_dir, PLUGIN_PUBLIC_KEYS: public_keys } = ctx.config
  const staged = await stagingInTurn(async () => {
    const facts = await factsFor(host, ctx.db, manifestOf(files).name)
    return stagePlugin(files, { facts, data_dir, public_keys })
  })
  try {
    const code = await orUnfit(ctx, () => host.code.load(staged))
    return await changeSet(host, ctx, staged.manifest.name, (ctx) => enter(host, ctx, staged, code, source))
  } catch (error) {
    await removeUnused(ctx, staged)
    throw error
  }
}

/** What was unpacked to be tried stays only where it is installed, by whomever. */
async function removeUnused({ db, config, log }: Ctx, { manifest: { name }, digest }: StagedPlugin): Promise<void> {
  try {
    const installed = (await readSet(db)).rows.some((row) => row.name === name && row.digest === digest)
    if (!installed) await removeUnpacked(name, config.DATA_DIR, digest)
  } catch (error) {
    log.warn({ err: error, plugin: name }, 'files of a plugin that was not installed are still there')
  }
}

/** Everything about it is asked again: another plugin may have been installed while this one was tried. */
async function enter(host: Host, ctx: Ctx, staged: StagedPlugin, code: LoadedPlugin, source: PluginSource) {
  const { manifest, report, digest, archive } = staged
  const facts = await factsFor(host, ctx.db, manifest.name)
  checkAgainstFacts(manifest, facts)
  checkReport(manifest, report, facts)
  const { rows } = await readSet(ctx.db)
  const before = rows.find(({ name }) => name === manifest.name)
  const refusal = before?.enabled === false ? undefined : whyNotEnable(manifest, rows)
  if (refusal !== undefined) throw refusal
  const menu_names = await bringIn(host, ctx, staged, code, before?.menu_names ?? [])
  const routes = report.routes.map(({ method, url }) => ({ method, url }))
  const fields = { version: manifest.version, source, manifest, digest, archive, routes, menu_names }
  await ctx.db
    .insert(pluginTable)
    .values({ ...fields, name: manifest.name, enabled: true })
    .onConflictDoUpdate({ target: pluginTable.name, set: fields, setWhere: eq(pluginTable.name, manifest.name) })
}

/** Its tables, rows and menus; returns the names of these. */
async function bringIn(host: Host, ctx: Ctx, staged: StagedPlugin, code: LoadedPlugin, old_menus: readonly string[]) {
  const { manifest, migrations } = staged
  const applied = await appliedMigrations(ctx.db, manifest.name)
  const lost = applied.find((name) => !migrations.some((one) => one.name === name))
  if (lost !== undefined) throw new Conflict('plugin.older', { params: { migration: lost } })
  return orUnfit(ctx, async () => {
    await withStatementLimit(ctx.db, () => applyMigrations(ctx.db, manifest.name, migrations))
    await assertColumns(ctx.db, tablesOf(code.definition))
    const menu_names = await replaceMenus(host, ctx, old_menus, code.definition.menus)
    await withStatementLimit(ctx.db, () => sow(ctx, code.definition))
    return menu_names
  })
}

/** What a plugin of this name may not take. */
async function factsFor(host: Host, db: Db, name: string): Promise<CoreFacts> {
  const { runtime, apps, menus } = host
  if (runtime === undefined) throw new Error('plugins are installed by a process that serves')
  const rows: PluginRow[] = (await readSet(db)).rows
  // Within the change: a second connection may be one too many.
  const tables = await db.execute<{ name: string }>(sql`
    select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm')`)
  const sources = {
    apps: apps.map((app) => app.name),
    app: runtime.current().app,
    host,
    rows,
    tables: tables.map((table) => table.name),
    menu_names: await menus.names(db),
  }
  return collectFacts(sources, name)
}
