import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, type PluginFiles, writeArchive } from '#backend/core/plugin/install/archive'
import { bundle, link } from '#backend/core/plugin/install/bundle'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import type { SmokeLimits } from '#backend/core/plugin/install/limits'
import { checkAgainstFacts, manifestOf } from '#backend/core/plugin/install/manifest-check'
import { migrationsOf } from '#backend/core/plugin/install/migration-check'
import { installPackages, packagesOf } from '#backend/core/plugin/install/packages'
import { checkReport } from '#backend/core/plugin/install/report-check'
import { checkSignature } from '#backend/core/plugin/install/signature'
import { smokeLoad } from '#backend/core/plugin/install/smoke'
import type { SmokeReport } from '#backend/core/plugin/install/smoke-report'
import { makeStagingFolder, writeFiles } from '#backend/core/plugin/install/staging'
import { withBundle } from '#backend/core/plugin/install/stored-archive'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { PluginMigration } from '#backend/core/plugin/migrations'

/** A plugin that may be installed. */
export interface StagedPlugin {
  readonly manifest: PluginManifest
  /** SHA-256 of its files, in hexadecimal */
  readonly digest: string
  /** What is stored and what every process loads: its files and what they were compiled to. */
  readonly archive: Buffer
  readonly report: SmokeReport
  readonly migrations: readonly PluginMigration[]
}

export interface StageOptions {
  readonly facts: CoreFacts
  readonly data_dir: string
  readonly public_keys: readonly string[]
  readonly limits?: SmokeLimits
}

/**
 * Checks all that can be checked of a plugin without running it, compiles it, and tries it in a process of its own.
 * Throws a Refusal with the reason. Writes only into a folder of its own below DATA_DIR, which is gone afterwards.
 */
export async function stagePlugin(files: PluginFiles, options: StageOptions): Promise<StagedPlugin> {
  const { facts, data_dir, public_keys, limits } = options
  const manifest = manifestOf(files)
  checkSignature(files, public_keys)
  checkAgainstFacts(manifest, facts)
  const migrations = migrationsOf(files, manifest)
  const packages = await packagesOf(files)
  const folder = await makeStagingFolder(data_dir)
  try {
    const sources = join(folder, 'plugin')
    await mkdir(sources)
    await writeFiles(sources, sourcesOf(files))
    await writeFiles(sources, packages.files)
    if (packages.names.size > 0) await installPackages(sources)
    const compiled = await bundle({ folder: sources, manifest, packages: packages.names })
    const entry = join(folder, 'plugin.mjs')
    await writeFile(entry, link(compiled), { mode: 0o600 })
    const report = await smokeLoad(entry, { manifest, folder, ...(limits === undefined ? {} : { limits }) })
    checkReport(manifest, report, facts)
    const archive = writeArchive(withBundle(files, compiled))
    return { manifest, digest: digestOf(files), archive, report, migrations }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** npm gets files of its own making. */
function sourcesOf(files: PluginFiles): PluginFiles {
  return new Map([...files].filter(([path]) => path !== 'package.json' && path !== 'package-lock.json'))
}
