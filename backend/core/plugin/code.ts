import type { BuiltInPlugin } from '#backend/core/plugin/built-in'
import { loadInstalled } from '#backend/core/plugin/install/load'
import type { LoadedPlugin } from '#backend/core/plugin/loaded'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import { type FindCode, findArchive, type PluginRow } from '#backend/core/plugin/set-store'
import type { Db } from '#backend/database/db'

export interface InstalledCode {
  manifest: PluginManifest
  digest: string
  archive: Buffer
}

/** The code of plugins in this process: loaded once, however often the set changes. */
export interface PluginCode {
  /** In a transaction `db` is that transaction: it may hold the only connection. */
  readonly find: (row: PluginRow, db?: Db) => ReturnType<FindCode>
  /** Loads what is not stored yet. */
  load(installed: InstalledCode): Promise<LoadedPlugin>
}

export interface PluginCodeOptions {
  built_ins: readonly BuiltInPlugin[]
  db: Db
  data_dir: string
}

export function createPluginCode({ built_ins, db: pool, data_dir }: PluginCodeOptions): PluginCode {
  const loaded = new Map<string, LoadedPlugin>()

  async function load({ manifest, digest, archive }: InstalledCode): Promise<LoadedPlugin> {
    const known = loaded.get(digest)
    if (known !== undefined) return known
    const definition = await loadInstalled({ name: manifest.name, digest, archive }, data_dir)
    const plugin = { manifest, definition }
    loaded.set(digest, plugin)
    return plugin
  }

  return {
    load,
    async find({ name, source, manifest, digest }, db = pool) {
      if (source === 'built-in') return built_ins.find((one) => one.manifest.name === name)
      const known = loaded.get(digest ?? '')
      if (known !== undefined) return known
      const archive = await findArchive(db, name, digest ?? '')
      // The set that was read is no longer the newest, and the next one does without.
      if (archive === undefined || digest === null) throw new Error(`the archive of the plugin ${name} is gone`)
      return load({ manifest, digest, archive })
    },
  }
}
