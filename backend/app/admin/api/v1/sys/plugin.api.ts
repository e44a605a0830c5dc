import multipart from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import {
  InstallQuery,
  PluginChange,
  PluginDetail,
  PluginName,
  Uninstalled,
} from '#backend/app/admin/schema/plugin.schema'
import * as pluginService from '#backend/app/admin/service/plugin.service'
import { envelope, ok } from '#backend/common/envelope'
import { FileForm } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Plugins']
/** Plugins are code: whoever may change them may do anything. */
const config = { access: 'superuser' } as const

export async function pluginApi(app: App): Promise<void> {
  await app.register(multipart, { limits: { files: 1, fields: 8, parts: 9 } })
  readRoutes(app)
  changeRoutes(app)
}

function readRoutes(app: App): void {
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

  app.get(
    '/:plugin',
    {
      config,
      schema: {
        summary: 'Download a plugin as a zip archive',
        tags,
        params: PluginName,
        response: {
          200: {
            description: 'The archive',
            content: { 'application/zip': { schema: z.unknown().describe('Bytes') } },
          },
        },
      },
    },
    async ({ ctx, params }, reply) => {
      const archive = await pluginService.archiveOf(ctx, params.plugin)
      return reply
        .type('application/zip')
        .header('content-disposition', `attachment; filename="${params.plugin}.zip"`)
        .send(archive)
    },
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config,
      schema: {
        summary: 'Install a plugin: a zip archive as the file of a form, or the newest commit of a repository',
        tags,
        consumes: ['multipart/form-data'],
        body: FileForm,
        querystring: InstallQuery,
        response: { 200: envelope(PluginChange) },
      },
    },
    async (request) => {
      const { ctx, query } = request
      if (query.type === 'git') return ok(await pluginService.installRepository(ctx, query.repo_url))
      return ok(await pluginService.installArchive(ctx, await uploaded(request)))
    },
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

  app.delete(
    '/:plugin',
    {
      config,
      schema: {
        summary: 'Uninstall a plugin with its tables, after their rows have been written to files',
        tags,
        params: PluginName,
        response: { 200: envelope(Uninstalled) },
      },
    },
    async ({ ctx, params }) => ok(await pluginService.uninstall(ctx, params.plugin)),
  )
}

/** The file of the form; undefined where there is none. */
async function uploaded(request: FastifyRequest): Promise<Buffer | undefined> {
  if (!request.isMultipart()) return undefined
  const part = await request.file({ limits: { fileSize: request.ctx.config.PLUGIN_ARCHIVE_BYTES_MAX } })
  return part?.toBuffer()
}
