import { randomBytes } from 'node:crypto'
import { mkdir, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { PluginFiles } from '#backend/core/plugin/install/archive'

/** Below DATA_DIR. */
const pluginFolder = (data_dir: string, ...names: string[]) => join(resolve(data_dir), 'plugins', ...names)
/** Longer than any installation takes. */
const LEFT_BEHIND_MS = 3_600_000

/** The real path of an empty folder that only this process knows; the caller removes it. */
export async function makeStagingFolder(data_dir: string): Promise<string> {
  const parent = pluginFolder(data_dir, 'staging')
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await removeLeftBehind(parent)
  const folder = join(await realpath(parent), randomBytes(12).toString('hex'))
  await mkdir(folder, { mode: 0o700 })
  return folder
}

/** Of processes that were ended while they installed something. */
async function removeLeftBehind(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    const made = await stat(path).catch(() => undefined)
    if (made !== undefined && Date.now() - made.mtimeMs > LEFT_BEHIND_MS)
      await rm(path, { recursive: true, force: true })
  }
}

/** Where the unpacked files of an installed plugin are; `kind` tells apart what differs between processes. */
export const unpackedFolder = (data_dir: string, name: string, digest: string, kind: string): string =>
  pluginFolder(data_dir, `${name}-${digest.slice(0, 16)}-${kind}`)

/** Where the rows of a plugin's tables go before it is uninstalled. */
export function dumpFolder(data_dir: string, { name, version }: { name: string; version: string }, at: Date): string {
  const time = at.toISOString().replace(/\D/g, '').slice(0, 17)
  return pluginFolder(data_dir, 'dumps', `${name}-${version}-${time}`)
}

/** Writes files below a folder; paths have been checked when they were read. */
export async function writeFiles(folder: string, files: PluginFiles): Promise<void> {
  for (const [path, bytes] of files) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, bytes, { mode: 0o600, flag: 'wx' })
  }
}
