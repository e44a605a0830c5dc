import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BadRequest } from '#backend/common/errors'
import { type PluginFiles, pluginFiles } from '#backend/core/plugin/install/archive'
import { checkPath, isHidden, shown } from '#backend/core/plugin/install/file-names'
import { ARCHIVE_LIMITS } from '#backend/core/plugin/install/limits'

/**
 * The files of a plugin from the folder that its author works in, held to the rules of an archive; installed packages
 * and hidden files are left out.
 */
export async function readFolder(folder: string): Promise<PluginFiles> {
  const files = new Map<string, Buffer>()
  let total = 0
  for (const path of await pathsBelow(folder, '')) {
    checkPath(path)
    const bytes = await readFile(join(folder, path))
    total += bytes.length
    const params = { file: shown(path), max: ARCHIVE_LIMITS.file_bytes }
    if (bytes.length > ARCHIVE_LIMITS.file_bytes) throw new BadRequest('plugin.install.archive_file_large', { params })
    files.set(path, bytes)
  }
  if (files.size > ARCHIVE_LIMITS.files)
    throw new BadRequest('plugin.install.archive_many', { params: { max: ARCHIVE_LIMITS.files } })
  if (total > ARCHIVE_LIMITS.total_bytes)
    throw new BadRequest('plugin.install.archive_total_large', { params: { max: ARCHIVE_LIMITS.total_bytes } })
  return pluginFiles(files)
}

async function pathsBelow(folder: string, within: string): Promise<string[]> {
  const paths: string[] = []
  for (const name of await readdir(join(folder, within))) {
    const path = within === '' ? name : `${within}/${name}`
    if (isHidden(path) || name === 'node_modules') continue
    const kind = await lstat(join(folder, path))
    if (kind.isDirectory()) paths.push(...(await pathsBelow(folder, path)))
    else if (kind.isFile()) paths.push(path)
    else throw new BadRequest('plugin.install.archive_link', { params: { file: shown(path) } })
  }
  return paths
}
