import { readFile, stat } from 'node:fs/promises'
import type { Ctx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { readFolder } from '#backend/core/plugin/install/folder'
import { startRuntime } from '#backend/core/plugin/runtime'
import type { SetChange } from '#backend/core/plugin/set-change'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'
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
  await changing(async (ctx) => {
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
  await changing(async (ctx) => {
    const change = await ctx.plugins.uninstall(ctx, name)
    console.log(`${name} is uninstalled`)
    if (change.dump_folder !== null) console.log(`The rows of its tables are in ${change.dump_folder}`)
    return change
  })
}

/** Puts a plugin into use or out of use, and returns when every process that serves has followed. */
export async function setEnabled(name: string, enabled: boolean): Promise<void> {
  const word = enabled ? 'enabled' : 'disabled'
  await changing(async (ctx) => {
    const row = (await ctx.plugins.list(ctx)).find((one) => one.name === name)
    if (row?.enabled === enabled) {
      console.log(`${name} was ${word}`)
      return undefined
    }
    const change = await ctx.plugins.toggle(ctx, name)
    console.log(`${name} is ${word}`)
    return change
  })
}

/** A change is tried on an application of this process, which answers nobody, before the others hear of it. */
async function changing(work: (ctx: Ctx) => Promise<SetChange | undefined>): Promise<void> {
  await withHost(async (host) => {
    await host.start()
    const runtime = await startRuntime(host, (set) => buildApp(host, APPS, set))
    try {
      const change = await work(systemCtx(host))
      for (const { process_id } of change?.out_of_service ?? [])
        console.log(`The process ${process_id} has not followed: it serves nothing until it has`)
    } finally {
      await runtime.stop()
    }
  })
}
