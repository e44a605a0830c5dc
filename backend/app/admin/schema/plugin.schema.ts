import { z } from 'zod'
import { DateTime } from '#backend/common/schema'

export const PluginName = z.object({
  plugin: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/)
    .describe('Name of the plugin'),
})

export const PluginDetail = z
  .object({
    plugin: z.object({
      name: z.string(),
      title: z.string(),
      summary: z.string(),
      version: z.string(),
      description: z.string(),
      author: z.string(),
      tags: z.array(z.string()),
      source: z.enum(['built-in', 'zip', 'git']).describe('Whether it ships with the product or was installed'),
      enable: z.enum(['1', '0']).describe('1: in use'),
      required: z.boolean().describe('It can be neither disabled nor uninstalled'),
      depends_on: z.array(z.string()).describe('Plugins that must be enabled before it'),
      capabilities: z.array(z.string()).describe('What it brings'),
      digest: z.string().nullable().describe('SHA-256 of what was installed, in hexadecimal'),
      installed_time: DateTime,
      updated_time: DateTime.nullable(),
    }),
  })
  .describe('A plugin')
export type PluginDetail = z.output<typeof PluginDetail>

export const PluginChange = z
  .object({
    set_version: z.int().describe('Number of the set of plugins that every process in service serves now'),
    out_of_service: z
      .array(
        z.object({
          process_id: z.string(),
          host: z.string(),
          pid: z.int(),
          set_version: z.int().describe('The set that it served last'),
          error: z.string().nullable().describe('Why it cannot serve the new one'),
        }),
      )
      .describe('Processes that did not follow in time, and serve nothing until they have'),
  })
  .describe('What has become of a change of the plugins')

export const InstallQuery = z.object({
  type: z.enum(['zip', 'git']).describe('Where it comes from: an upload, or a repository'),
  repo_url: z.string().max(512).optional().describe('https address of the repository, for git'),
})

export const Uninstalled = PluginChange.extend({
  dump_folder: z
    .string()
    .nullable()
    .describe('Folder on the server that holds the rows of its tables; null: it had none'),
})
