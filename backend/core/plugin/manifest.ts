import { z } from 'zod'

/** Names of plugins; also parts of paths, message keys and files. */
const Name = z
  .string()
  .max(32)
  .regex(/^[a-z][a-z0-9_]*$/)
const Text = (max: number) => z.string().trim().min(1).max(max)
const Code = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)+$/)
const Version = z
  .string()
  .max(32)
  .regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/)
const unique = (items: readonly unknown[]) => new Set(items).size === items.length
const list = <T extends z.ZodType>(item: T, max: number) =>
  z.array(item).max(max).refine(unique, { error: 'holds an item twice' }).meta({ uniqueItems: true }).prefault([])

const Setting = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('string'), default: z.string().max(1024), description: Text(256) }),
  z.strictObject({ type: z.literal('integer'), default: z.int(), description: Text(256) }),
  z.strictObject({ type: z.literal('boolean'), default: z.boolean(), description: Text(256) }),
])

/** What a plugin may bring; whatever it brings must be named, so that an administrator sees it before any code runs. */
export const CAPABILITIES = ['routes', 'models', 'hooks', 'overrides', 'tasks', 'menus', 'seed', 'migrations'] as const

/** `plugin.json`: what is known of a plugin before any of its code runs. */
export const PluginManifest = z.strictObject({
  name: Name.describe('Unique; begins message keys, and the paths of one that stands alone'),
  title: Text(64).describe('For people'),
  summary: Text(128).describe('One line'),
  version: Version.describe('x.y.z'),
  description: Text(1024).describe('What it does'),
  author: Text(64),
  tags: list(Text(32), 16),
  extends: Name.optional().describe('Application below whose paths its routes lie; absent: it stands alone'),
  depends_on: list(Name, 16).describe('Plugins that must be enabled before it'),
  permissions: list(Code, 128).describe('Codes that its routes ask for'),
  settings: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]{2,63}$/), Setting)
    .refine((settings) => Object.keys(settings).length <= 64, { error: 'holds more than 64 settings' })
    .meta({ maxProperties: 64 })
    .prefault({})
    .describe('Environment variables that it reads'),
  capabilities: list(z.enum(CAPABILITIES), CAPABILITIES.length),
  tables: list(z.string().regex(/^[a-z][a-z0-9_]{0,62}$/), 64).describe('Tables that its migrations make'),
  required: z.boolean().prefault(false).describe('Cannot be disabled; of those that ship with the product only'),
  $schema: z.string().max(256).optional(),
})
export type PluginManifest = z.output<typeof PluginManifest>
