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
  models: ({ scoped_models }) => scoped_models?.length,
  hooks: ({ hooks }) => Object.keys(hooks ?? {}).length,
  overrides: ({ overrides }) => overrides,
  tasks: ({ tasks }) => Object.keys(tasks ?? {}).length,
  menus: ({ menus }) => menus?.length,
  seed: ({ seed }) => seed,
}

/** What a plugin brings although its manifest does not say so, and messages that are not its own. */
export function undeclared({ name, capabilities }: PluginManifest, definition: PluginDefinition): string[] {
  const brought = Object.entries(BROUGHT)
    .filter(([, part]) => Boolean(part(definition)))
    .map(([capability]) => capability)
  const missing = brought.filter((one) => !capabilities.some((declared) => declared === one))
  return [...missing.map((one) => `brings ${one} without declaring it`), ...messageFaults(name, definition)]
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
