import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PluginDefinition } from '#backend/core/plugin/definition'
import type { PluginFiles } from '#backend/core/plugin/install/archive'
import { link } from '#backend/core/plugin/install/bundle'
import { makeStagingFolder, unpackedFolder, writeFiles } from '#backend/core/plugin/install/staging'
import { readStored } from '#backend/core/plugin/install/stored-archive'

export interface InstalledPlugin {
  readonly name: string
  readonly digest: string
  readonly archive: Buffer
}

/**
 * Loads an installed plugin into this process: unpacks it below DATA_DIR, unless another time did, and imports it. The
 * same plugin is the same module however often it is asked for.
 */
export async function loadInstalled(plugin: InstalledPlugin, data_dir: string): Promise<PluginDefinition> {
  const { files, bundle } = readStored(plugin.archive, plugin.digest)
  const linked = link(bundle)
  const kind = createHash('sha256').update(linked).digest('hex').slice(0, 12)
  const folder = unpackedFolder(data_dir, plugin.name, plugin.digest, kind)
  if (!existsSync(folder)) await unpack(files, linked, data_dir, folder)
  const module = (await import(pathToFileURL(join(folder, 'plugin.mjs')).href)) as { plugin: PluginDefinition }
  return module.plugin
}

/** The folder appears whole, in one step; of two processes that unpack the same the first one's stays. */
async function unpack(files: PluginFiles, linked: string, data_dir: string, folder: string): Promise<void> {
  const staging = await makeStagingFolder(data_dir)
  try {
    await writeFiles(staging, files)
    await writeFile(join(staging, 'plugin.mjs'), linked, { mode: 0o600, flag: 'wx' })
    await mkdir(dirname(folder), { recursive: true })
    await rename(staging, folder)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}

/**
 * Removes what was unpacked of a plugin: of every version, or of the one with this digest. Modules in memory stay until
 * the process ends.
 */
export async function removeUnpacked(name: string, data_dir: string, digest?: string): Promise<void> {
  const parent = dirname(unpackedFolder(data_dir, name, '', ''))
  const version = digest?.slice(0, 16) ?? '[0-9a-f]{16}'
  const names = await readdir(parent).catch(() => [])
  for (const entry of names)
    if (new RegExp(`^${name}-${version}-[0-9a-f]{12}$`).test(basename(entry)))
      await rm(join(parent, entry), { recursive: true, force: true })
}
