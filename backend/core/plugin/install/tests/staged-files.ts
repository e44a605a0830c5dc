import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PluginFiles } from '#backend/core/plugin/install/archive'

/** Writes files below a folder, and returns its real path. */
export function writeFiles(folder: string, files: PluginFiles): string {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  return realpathSync(folder)
}
