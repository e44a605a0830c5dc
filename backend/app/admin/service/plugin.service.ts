import type { PluginDetail } from '#backend/app/admin/schema/plugin.schema'
import type { Ctx } from '#backend/core/ctx'
import type { SetChange } from '#backend/core/plugin/plugins'

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
