import { z } from 'zod'
import type { PluginManifest } from '#backend/core/plugin/manifest'

const Name = z.string().max(256)
const list = <T extends z.ZodType>(item: T) => z.array(item).max(2000)

/** What a plugin turned out to bring when it was tried. It comes from a process that ran the plugin's code. */
export const SmokeReport = z.strictObject({
  routes: list(z.strictObject({ method: Name, url: z.string().max(1024), permissions: list(Name) })),
  /** Names of the models whose rows data rules can filter. */
  models: list(Name),
  /** Of all its models. */
  tables: list(Name),
  hooks: list(Name),
  tasks: list(Name),
  /** With all below them; `parent` where it is put under a menu that is there. */
  menus: list(z.strictObject({ name: Name, parent: Name.nullable(), permissions: list(Name) })),
  message_keys: list(Name),
  capabilities: list(Name),
})
export type SmokeReport = z.output<typeof SmokeReport>

const Said = z.string().max(100_000)

/** From the process that tries, each with the word that only it and its parent know. */
export const SmokeMessage = z.discriminatedUnion('kind', [
  /** The product's own modules are loaded, and nothing of the plugin is. */
  z.strictObject({ kind: z.literal('ready'), word: z.string() }),
  z.strictObject({ kind: z.literal('report'), word: z.string(), report: SmokeReport }),
  z.strictObject({ kind: z.literal('threw'), word: z.string(), reason: Said }),
  z.strictObject({ kind: z.literal('invalid'), word: z.string(), reason: Said }),
  /** What is open once the application is closed: kinds of handles, as Node.js calls them. */
  z.strictObject({ kind: z.literal('left'), word: z.string(), resources: list(Name) }),
])
export type SmokeMessage = z.output<typeof SmokeMessage>

/** To that process. */
export interface SmokeOrder {
  readonly word: string
  readonly url: string
  readonly manifest: PluginManifest
}
