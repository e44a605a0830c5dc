import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { eq } from 'drizzle-orm'
import { NotFound } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { downloadOf } from '#backend/core/plugin/install/stored-archive'
import { installArchive, installRepository } from '#backend/core/plugin/installation'
import { plugin as pluginTable } from '#backend/core/plugin/model/plugin.model'
import { assertMayToggle, rowOf } from '#backend/core/plugin/plugin-rules'
import { listLaggards } from '#backend/core/plugin/process-registry'
import { changeSet, type SetChange } from '#backend/core/plugin/set-change'
import { findArchive, type PluginRow, readSet } from '#backend/core/plugin/set-store'
import { type Uninstalled, uninstall } from '#backend/core/plugin/uninstallation'

/** The plugins of this installation. A change is over when no process serves the set before it. */
export interface Plugins {
  list(ctx: Ctx): Promise<PluginRow[]>
  /** Whether some process that serves has not got to the newest set yet. */
  isChanging(ctx: Ctx): Promise<boolean>
  toggle(ctx: Ctx, name: string): Promise<SetChange>
  /** Installs what a zip archive holds, in the place of an earlier version of it. */
  installArchive(ctx: Ctx, archive: Buffer): Promise<SetChange>
  /** As `installArchive`, from the newest commit of a git repository. */
  installRepository(ctx: Ctx, repo_url: string): Promise<SetChange>
  /** The zip archive of a plugin. */
  archiveOf(ctx: Ctx, name: string): Promise<Buffer>
  /** Takes a plugin away with its tables, whose rows are written to files first. */
  uninstall(ctx: Ctx, name: string): Promise<Uninstalled>
}

export function createPlugins(hostOf: () => Host): Plugins {
  return {
    list: async ({ db }) => (await readSet(db)).rows,
    async isChanging({ db }) {
      const { version } = await readSet(db)
      return (await listLaggards(hostOf().database, version)).some(({ counts }) => counts)
    },
    toggle: (ctx, name) => toggle(hostOf(), ctx, name),
    installArchive: (ctx, archive) => installArchive(hostOf(), ctx, archive),
    installRepository: (ctx, repo_url) => installRepository(hostOf(), ctx, repo_url),
    archiveOf: (ctx, name) => archiveOf(hostOf(), ctx, name),
    uninstall: (ctx, name) => uninstall(hostOf(), ctx, name),
  }
}

async function toggle(host: Host, ctx: Ctx, name: string): Promise<SetChange> {
  return changeSet(host, ctx, name, async ({ db }) => {
    const { rows } = await readSet(db)
    const row = rowOf(rows, name)
    assertMayToggle(row, rows)
    // As they are now, they tell its requests from those of no plugin while it is disabled.
    const routes = host.runtime?.current().app.pluginRoutes.get(name) ?? row.routes
    await db.update(pluginTable).set({ enabled: !row.enabled, routes }).where(eq(pluginTable.name, name))
  })
}

async function archiveOf({ built_ins }: Host, { db }: Ctx, name: string): Promise<Buffer> {
  const { digest } = rowOf((await readSet(db)).rows, name)
  if (digest !== null) {
    const stored = await findArchive(db, name, digest)
    if (stored !== undefined) return downloadOf(stored, digest)
  }
  const folder = built_ins.find(({ manifest }) => manifest.name === name)?.folder
  if (folder === undefined) throw new NotFound('plugin.not_found')
  return writeArchive(await filesBelow(folder))
}

async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = await Promise.all(
    paths.sort().map(async (path): Promise<[string, Buffer]> => {
      const name = relative(folder, path).split(sep).join('/')
      return [name, await readFile(path)]
    }),
  )
  return new Map(files)
}
