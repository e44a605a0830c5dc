import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import { inDependencyOrder, type LoadedPlugin, undeclared } from '#backend/core/plugin/loaded'
import { PluginManifest } from '#backend/core/plugin/manifest'
import { type PluginMigration, readMigrations } from '#backend/core/plugin/migrations'

/** A plugin that ships with the product. */
export interface BuiltInPlugin extends LoadedPlugin {
  readonly folder: string
  readonly migrations: readonly PluginMigration[]
}

/** Beside `core/`, in the sources as in what is built from them. */
const FOLDER = fileURLToPath(new URL('../../plugin', import.meta.url))

/**
 * The plugins that ship with the product, each after those it depends on, but for the one in the folder `except`. Throws
 * where one is not as it should be.
 */
export async function loadBuiltIns(folder = FOLDER, except?: string): Promise<BuiltInPlugin[]> {
  const names = existsSync(folder) ? await readdir(folder) : []
  const isLoaded = (name: string) => existsSync(join(folder, name, 'plugin.json')) && join(folder, name) !== except
  const found = names.filter(isLoaded).sort()
  return inDependencyOrder(await Promise.all(found.map((name) => load(folder, name))))
}

async function load(parent: string, name: string): Promise<BuiltInPlugin> {
  const folder = join(parent, name)
  const manifest = PluginManifest.parse(JSON.parse(await readFile(join(folder, 'plugin.json'), 'utf8')))
  if (manifest.name !== name) throw new Error(`the folder of the plugin ${manifest.name} is named ${name}`)
  const source = join(folder, 'plugin.ts')
  const entry = existsSync(source) ? source : join(folder, 'plugin.js')
  const [module, migrations] = await Promise.all([
    import(pathToFileURL(entry).href) as Promise<{ plugin: PluginDefinition }>,
    readMigrations(join(folder, 'migrations')),
  ])
  const definition = module.plugin
  const faults = undeclared(manifest, definition)
  if (faults.length > 0) throw new Error(`plugin ${name}: ${faults.join('; ')}`)
  return { manifest, definition, migrations, folder }
}
