import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MENUS } from '#backend/app/admin/seed/menus'
import { parseConfig } from '#backend/core/config'
import type { Host } from '#backend/core/host'
import { type PluginFiles, readArchive, SIGNATURE, writeArchive } from '#backend/core/plugin/install/archive'
import { collectFacts } from '#backend/core/plugin/install/collect-facts'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { readFolder } from '#backend/core/plugin/install/folder'
import { manifestOf } from '#backend/core/plugin/install/manifest-check'
import { signatureOf } from '#backend/core/plugin/install/signature'
import { type StagedPlugin, stagePlugin } from '#backend/core/plugin/install/stage'
import { menuNames } from '#backend/core/plugin/loaded'
import { declaredTables } from '#backend/database/migrate'
import { withHost } from '#backend/scripts/cli-host'
import { explain, Mistake } from '#backend/scripts/explain'
import { APPS, buildApp } from '#backend/server'

export interface CheckOptions {
  /** Where the archive is written when nothing is wrong. */
  output?: string
  /** File of an ed25519 private key in PEM form, to sign it with. */
  key?: string
}

// Never connected to: connections are made by the first query.
const NO_DATABASE = 'postgres://127.0.0.1:1/none'

/**
 * Does with a plugin what installing does before it touches the database. It depends on the code alone: neither settings
 * nor a database are used, so what other installed plugins have is not seen.
 */
export async function check(path: string, { output, key }: CheckOptions): Promise<void> {
  const config = parseConfig({
    DATABASE_URL: NO_DATABASE,
    TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'silent',
  })
  const read = await readPlugin(path, config.PLUGIN_ARCHIVE_BYTES_MAX)
  const files = key === undefined ? read : await sign(read, key)
  const { name } = manifestOf(files)
  // One that is developed among those that ship with the product is tried like any other, and not in its own way.
  const facts = await withHost((host) => factsWithoutDatabase(host, name), config, { without_plugin: resolve(path) })
  const data_dir = await mkdtemp(join(tmpdir(), 'fba-plugin-check-'))
  try {
    const staged = await stagePlugin(files, { facts, data_dir, public_keys: [] })
    report(staged)
  } finally {
    await rm(data_dir, { recursive: true, force: true })
  }
  if (output === undefined) return
  await writeFile(output, writeArchive(files))
  console.log(`${output} written`)
}

async function readPlugin(path: string, bytes_max: number): Promise<PluginFiles> {
  const kind = await stat(path).catch(() => undefined)
  if (kind === undefined) throw new Mistake(`${path}: no such file or folder`)
  return kind.isDirectory() ? readFolder(path) : readArchive(await readFile(path), { bytes_max })
}

async function sign(files: PluginFiles, key_file: string): Promise<PluginFiles> {
  try {
    const signature = signatureOf(files, await readFile(key_file, 'utf8'))
    return new Map([...files, [SIGNATURE, Buffer.from(signature)]])
  } catch (error) {
    throw new Mistake(`${key_file}: ${explain(error)}`)
  }
}

async function factsWithoutDatabase(host: Host, name: string): Promise<CoreFacts> {
  const app = await buildApp(host)
  await app.ready()
  const rows = host.built_ins.map(({ manifest, definition }) => ({
    name: manifest.name,
    source: 'built-in' as const,
    manifest,
    routes: app.pluginRoutes.get(manifest.name) ?? [],
    menu_names: menuNames(definition.menus),
  }))
  const menu_names = [...menuNames(MENUS), ...rows.flatMap((row) => row.menu_names)]
  const apps = APPS.map((one) => one.name)
  const facts = collectFacts({ apps, app, host, rows, tables: await declaredTables(), menu_names }, name)
  await app.close()
  return facts
}

function report({ manifest, digest, report: found, migrations }: StagedPlugin): void {
  const lines = {
    routes: found.routes.filter(({ method }) => method !== 'HEAD').map(({ method, url }) => `${method} ${url}`),
    tables: manifest.tables,
    migrations: migrations.map(({ name }) => name),
    models: found.models,
    permissions: manifest.permissions,
    menus: found.menus.map(({ name }) => name),
    hooks: found.hooks,
    tasks: found.tasks,
    settings: Object.keys(manifest.settings),
  }
  for (const [what, names] of Object.entries(lines))
    if (names.length > 0) console.log(`${what.padEnd(12)}${names.join(', ')}`)
  console.log(`${'digest'.padEnd(12)}${digest}`)
  console.log(`${manifest.name} ${manifest.version} can be installed`)
}
