import { getTableName } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { MenuSeed } from '#backend/common/menu-seed'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import type { CAPABILITIES, PluginManifest } from '#backend/core/plugin/manifest'

/** A plugin whose code is in this process. */
export interface LoadedPlugin {
  readonly manifest: PluginManifest
  readonly definition: PluginDefinition
}

type Capability = (typeof CAPABILITIES)[number]

const BROUGHT: Readonly<Record<Exclude<Capability, 'migrations'>, (definition: PluginDefinition) => unknown>> = {
  routes: ({ api }) => api,
  models: (definition) => tablesOf(definition).length,
  hooks: ({ hooks }) => Object.keys(hooks ?? {}).length,
  overrides: ({ overrides }) => overrides,
  tasks: ({ tasks }) => Object.keys(tasks ?? {}).length,
  menus: ({ menus }) => menus?.length,
  seed: ({ seed }) => seed,
}

/** The tables behind its models, each once. */
export function tablesOf({ models = [], scoped_models = [] }: PluginDefinition): PgTable[] {
  return [...new Set([...models, ...scoped_models.map(({ table }) => table)])]
}

/** What a plugin brings; migrations are files, and no part of it. */
export function capabilitiesOf(definition: PluginDefinition): string[] {
  return Object.entries(BROUGHT).flatMap(([capability, part]) => (part(definition) ? [capability] : []))
}

/** What a plugin brings although its manifest does not say so or the other way round, and messages that are not its own. */
export function undeclared({ name, capabilities, tables }: PluginManifest, definition: PluginDefinition): string[] {
  const missing = capabilitiesOf(definition).filter((one) => !capabilities.some((declared) => declared === one))
  return [
    ...missing.map((one) => `brings ${one} without declaring it`),
    ...tableFaults(tables, tablesOf(definition).map(getTableName)),
    ...messageFaults(name, definition),
  ]
}

function tableFaults(declared: readonly string[], modelled: readonly string[]): string[] {
  const foreign = modelled.filter((table) => !declared.includes(table))
  const bare = declared.filter((table) => !modelled.includes(table))
  return [
    ...foreign.map((table) => `has a model of the table ${table}, which is not its own`),
    ...bare.map((table) => `has no model of its table ${table}`),
  ]
}

function messageFaults(name: string, { translations }: PluginDefinition): string[] {
  if (translations === undefined) return []
  const [first = [], ...others] = Object.values(translations).map((texts) => Object.keys(texts).sort())
  const foreign = first.filter((key) => !key.startsWith(`${name}.`))
  return [
    ...foreign.map((key) => `the message ${key} does not begin with ${name}.`),
    ...(others.some((keys) => keys.join() !== first.join()) ? ['the languages have different messages'] : []),
  ]
}

/** Each after those it depends on, otherwise as given. Throws where one is missing, or they depend on each other in a circle. */
export function inDependencyOrder<T extends LoadedPlugin>(plugins: readonly T[]): T[] {
  const known = new Map(plugins.map((plugin) => [plugin.manifest.name, plugin]))
  const ordered = new Set<T>()
  const visit = ({ manifest: { name, depends_on } }: T, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`plugins depend on each other: ${[...path, name].join(' -> ')}`)
    for (const needed of depends_on) {
      const plugin = known.get(needed)
      if (plugin === undefined) throw new Error(`plugin ${name} depends on ${needed}, which is not there`)
      visit(plugin, [...path, name])
    }
    const own = known.get(name)
    if (own !== undefined) ordered.add(own)
  }
  for (const plugin of plugins) visit(plugin, [])
  return [...ordered]
}

/** The names of menus and of all below them. */
export function menuNames(menus: readonly MenuSeed[] = []): string[] {
  return menus.flatMap(({ name, children }) => [name, ...menuNames(children)])
}
