import { z } from 'zod'
import { PluginChange, PluginDetail, PluginName } from '#backend/app/admin/schema/plugin.schema'
import * as pluginService from '#backend/app/admin/service/plugin.service'
import { envelope, ok } from '#backend/common/envelope'
import type { App } from '#backend/core/app'

const tags = ['Plugins']
/** Plugins are code: whoever may change them may do anything. */
const config = { access: 'superuser' } as const

export async function pluginApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config,
      schema: { summary: 'All plugins, enabled or not', tags, response: { 200: envelope(z.array(PluginDetail)) } },
    },
    async ({ ctx }) => ok(await pluginService.list(ctx)),
  )

  app.get(
    '/changed',
    {
      config,
      schema: {
        summary: 'Whether some process has not got to the newest set of plugins yet',
        tags,
        response: { 200: envelope(z.boolean()) },
      },
    },
    async ({ ctx }) => ok(await pluginService.isChanging(ctx)),
  )

  app.put(
    '/:plugin/status',
    {
      config,
      schema: {
        summary: 'Enable or disable a plugin; answered when no process serves the set before',
        tags,
        params: PluginName,
        response: { 200: envelope(PluginChange) },
      },
    },
    async ({ ctx, params }) => ok(await pluginService.toggle(ctx, params.plugin)),
  )
}
