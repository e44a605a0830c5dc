import type { PluginDetail } from '#backend/app/admin/schema/plugin.schema'
import { BadRequest } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import type { SetChange } from '#backend/core/plugin/set-change'
import type { Uninstalled } from '#backend/core/plugin/uninstallation'

export async function list(ctx: Ctx): Promise<PluginDetail[]> {
  const rows = await ctx.plugins.list(ctx)
  return rows.map(({ manifest, enabled, ...row }) => ({
    plugin: { ...manifest, ...row, enable: enabled ? '1' : '0' },
  }))
}

/** Whether a change is still on its way to some process. */
export async function isChanging(ctx: Ctx): Promise<boolean> {
  return ctx.plugins.isChanging(ctx)
}

export async function toggle(ctx: Ctx, name: string): Promise<SetChange> {
  return ctx.plugins.toggle(ctx, name)
}

export async function installArchive(ctx: Ctx, archive: Buffer | undefined): Promise<SetChange> {
  if (archive === undefined) throw new BadRequest('plugin.archive_missing')
  return ctx.plugins.installArchive(ctx, archive)
}

export async function installRepository(ctx: Ctx, repo_url: string | undefined): Promise<SetChange> {
  if (repo_url === undefined) throw new BadRequest('plugin.repository_missing')
  return ctx.plugins.installRepository(ctx, repo_url)
}

export async function archiveOf(ctx: Ctx, name: string): Promise<Buffer> {
  return ctx.plugins.archiveOf(ctx, name)
}

export async function uninstall(ctx: Ctx, name: string): Promise<Uninstalled> {
  return ctx.plugins.uninstall(ctx, name)
}
