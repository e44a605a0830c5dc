import type { Ctx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import type { PluginMenu } from '#backend/core/plugin/definition'
import { menuNames } from '#backend/core/plugin/loaded'

/** Brings the menus of a version, takes away those that only the one before had, and returns the names of the new ones. */
export async function replaceMenus(
  host: Host,
  ctx: Ctx,
  before: readonly string[],
  menus: readonly PluginMenu[] = [],
): Promise<string[]> {
  const names = menuNames(menus)
  const dropped = before.filter((name) => !names.includes(name))
  if (dropped.length > 0) {
    await host.menus.remove(ctx.db, dropped)
    await ctx.actors.touch(ctx, ['all'])
  }
  await host.menus.insert(ctx.db, menus)
  return names
}
