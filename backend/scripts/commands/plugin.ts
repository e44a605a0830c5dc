import { readFile, stat } from 'node:fs/promises'
import type { Ctx } from '#backend/core/ctx'
import { type Host, systemCtx } from '#backend/core/host'
import type { PluginCode } from '#backend/core/plugin/code'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { readFolder } from '#backend/core/plugin/install/folder'
import { type PluginRuntime, startRuntime } from '#backend/core/plugin/runtime'
import type { SetChange } from '#backend/core/plugin/set-change'
import { isConnectionError } from '#backend/database/pg-error'
import { withHost } from '#backend/scripts/cli-host'
import { explain, Mistake } from '#backend/scripts/explain'
import { askConfirmation } from '#backend/scripts/terminal'
import { APPS, buildApp } from '#backend/server'

/** Prints the plugins of the installation. */
export async function list(): Promise<void> {
  const rows = await withHost(async (host) => {
    const ctx = systemCtx(host)
    return ctx.plugins.list(ctx)
  })
  for (const { name, version, source, enabled } of rows)
    console.log(`${name}  ${version}  ${source}  ${enabled ? 'enabled' : 'disabled'}`)
  console.log(`${rows.length} ${rows.length === 1 ? 'plugin' : 'plugins'}`)
}

/** Installs a plugin from its folder, its archive or its repository, as a superuser does over HTTP. */
export async function add(source: string): Promise<void> {
  const isRepository = /^https?:\/\//.test(source)
  const archive = isRepository ? undefined : await archiveOf(source)
  await onTrial(async (ctx) => {
    const before = new Map((await ctx.plugins.list(ctx)).map((row) => [row.name, row.digest]))
    const change = await (archive === undefined
      ? ctx.plugins.installRepository(ctx, source)
      : ctx.plugins.installArchive(ctx, archive))
    for (const { name, version, digest, enabled } of await ctx.plugins.list(ctx))
      if (before.get(name) !== digest)
        console.log(`${name} ${version} is installed and ${enabled ? 'enabled' : 'disabled'}`)
    return change
  })
}

async function archiveOf(path: string): Promise<Buffer> {
  const kind = await stat(path).catch(() => undefined)
  if (kind === undefined) throw new Mistake(`${path}: no such file or folder`)
  return kind.isDirectory() ? writeArchive(await readFolder(path)) : readFile(path)
}

/** Uninstalls a plugin; the rows of its tables are written to files first. */
export async function remove(name: string, { yes }: { yes?: boolean }): Promise<void> {
  if (yes !== true) await askConfirmation(`Uninstall ${name} and drop its tables?`, '--yes')
  await onTrial(
    async (ctx) => {
      const change = await ctx.plugins.uninstall(ctx, name)
      console.log(`${name} is uninstalled`)
      if (change.dump_folder !== null) console.log(`The rows of its tables are in ${change.dump_folder}`)
      return change
    },
    { untried: true },
  )
}

/** Puts a plugin into use or out of use, and returns when every process that serves has followed. */
export async function setEnabled(name: string, enabled: boolean): Promise<void> {
  const word = enabled ? 'enabled' : 'disabled'
  await onTrial(
    async (ctx) => {
      const row = (await ctx.plugins.list(ctx)).find((one) => one.name === name)
      if (row?.enabled === enabled) {
        console.log(`${name} was ${word}`)
        return undefined
      }
      const change = await ctx.plugins.toggle(ctx, name)
      console.log(`${name} is ${word}`)
      return change
    },
    { untried: !enabled },
  )
}

interface TrialOptions {
  /** Whether the change is made also where no application can be built now: it may be what mends that. */
  untried?: boolean
}

/** A change is tried on an application of this process, which answers nobody, before the others hear of it. */
async function onTrial(
  work: (ctx: Ctx) => Promise<SetChange | undefined>,
  { untried = false }: TrialOptions = {},
): Promise<void> {
  await withHost(async (host) => {
    await host.start()
    host.runtime = await startTrial(host).catch((error: unknown) => {
      if (!untried || isConnectionError(error)) throw error
      console.log(`Not tried, as no application can be built with the plugins as they are: ${explain(error)}`)
      return undefined
    })
    try {
      const change = await work(systemCtx(host))
      for (const { process_id } of change?.out_of_service ?? [])
        console.log(`The process ${process_id} has not followed: it serves nothing until it has`)
    } finally {
      await host.runtime?.stop()
    }
  })
}

/** Without the tasks of the plugins: those are for processes that serve. */
function startTrial(host: Host): Promise<PluginRuntime> {
  const code: PluginCode = {
    ...host.code,
    async find(row, db) {
      const found = await host.code.find(row, db)
      return found === undefined ? undefined : { ...found, definition: { ...found.definition, tasks: {} } }
    },
  }
  return startRuntime({ ...host, code }, (set) => buildApp(host, APPS, set))
}
