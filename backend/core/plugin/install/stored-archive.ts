import { unzipSync } from 'fflate'
import { digestOf, type PluginFiles, writeArchive } from '#backend/core/plugin/install/archive'

// What the database keeps of a plugin: its files, and under a name that no upload can have, what they were compiled to,
// so that every process runs what was tried, without compiler and registry.

const BUNDLE = '.bundle/plugin.mjs'

export interface StoredFiles {
  readonly files: PluginFiles
  readonly bundle: string
}

export const withBundle = (files: PluginFiles, bundle: string): PluginFiles =>
  new Map([...files, [BUNDLE, Buffer.from(bundle)]])

/** Throws where the archive is not what was installed under this digest. */
export function readStored(archive: Buffer, digest: string): StoredFiles {
  const all = new Map(Object.entries(unzipSync(archive)).map(([path, bytes]) => [path, Buffer.from(bytes)]))
  const bundle = all.get(BUNDLE)
  all.delete(BUNDLE)
  if (bundle === undefined || digestOf(all) !== digest) throw new Error(`the stored archive does not match ${digest}`)
  return { files: all, bundle: bundle.toString() }
}

/** The plugin as it was uploaded: what a download is. */
export const downloadOf = (archive: Buffer, digest: string): Buffer => writeArchive(readStored(archive, digest).files)
