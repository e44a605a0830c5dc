import { createHash } from 'node:crypto'
import { BadRequest } from '#backend/common/errors'
import type { PluginFiles } from '#backend/core/plugin/install/archive'
import { shown } from '#backend/core/plugin/install/file-names'
import { sqlTargets } from '#backend/core/plugin/install/sql-targets'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { PluginMigration } from '#backend/core/plugin/migrations'
import { controlsTransaction, splitSql } from '#backend/database/sql-statements'

const FOLDER = 'migrations/'
const FILE = /^migrations\/(\d{4}_[a-z0-9_]{1,100})\.(up|down)\.sql$/

/**
 * The migrations of a plugin in their order. Throws BadRequest where a file has no counterpart, where a statement is
 * none that makes, fills or removes the plugin's own tables, where a foreign key would keep rows of others, or where the tables are not those of the manifest.
 */
export function migrationsOf(files: PluginFiles, { tables, capabilities }: PluginManifest): PluginMigration[] {
  const migrations = pairsOf(files)
  const declared = capabilities.includes('migrations')
  if (declared !== migrations.length > 0)
    throw new BadRequest(declared ? 'plugin.install.migrations_none' : 'plugin.install.migrations_undeclared')
  const made = new Made(tables)
  for (const { name, up } of migrations) for (const text of statementsOf(`${name}.up.sql`, up)) made.up(name, text)
  const lacking = tables.find((table) => !made.tables.has(table))
  if (lacking !== undefined) throw new BadRequest('plugin.install.table_not_made', { params: { table: lacking } })
  for (const { name, down } of migrations.toReversed())
    for (const text of statementsOf(`${name}.down.sql`, down)) made.down(name, text)
  const [left] = made.tables
  if (left !== undefined) throw new BadRequest('plugin.install.table_left', { params: { table: left } })
  return migrations
}

/** Follows which tables there are while migrations run up and down again. */
class Made {
  readonly tables = new Set<string>()
  private readonly indexes = new Set<string>()

  constructor(private readonly declared: readonly string[]) {}

  up(migration: string, text: string): void {
    this.run(`${FOLDER}${migration}.up.sql`, text)
  }

  down(migration: string, text: string): void {
    this.run(`${FOLDER}${migration}.down.sql`, text)
  }

  private run(file: string, text: string): void {
    const statement = shown(text.replace(/\s+/g, ' ').slice(0, 60))
    const targets = sqlTargets(text)
    if (targets === undefined)
      throw new BadRequest('plugin.install.migration_statement', { params: { file, statement } })
    for (const index of targets.indexes_created) this.indexes.add(index)
    const table = targets.touched.find((name) => !this.declared.includes(name))
    const index = targets.indexes_touched.find((name) => !this.indexes.has(name))
    if (table !== undefined || index !== undefined)
      throw new BadRequest('plugin.install.migration_foreign', { params: { file, table: shown(table ?? index ?? '') } })
    const held = targets.held.find((name) => !this.declared.includes(name))
    if (held !== undefined)
      throw new BadRequest('plugin.install.migration_holds', { params: { file, table: shown(held) } })
    for (const name of targets.dropped) this.tables.delete(name)
    for (const name of targets.created) this.tables.add(name)
  }
}

function pairsOf(files: PluginFiles): PluginMigration[] {
  const names = new Set<string>()
  for (const path of files.keys()) {
    if (!path.startsWith(FOLDER)) continue
    const [, name] = FILE.exec(path) ?? []
    if (name === undefined) throw new BadRequest('plugin.install.migration_name', { params: { file: shown(path) } })
    names.add(name)
  }
  const numbers = new Set<string>()
  return [...names].sort().map((name) => {
    const number = name.slice(0, 4)
    if (numbers.has(number)) throw new BadRequest('plugin.install.migration_number', { params: { number } })
    numbers.add(number)
    const up = textOf(files, `${FOLDER}${name}.up.sql`)
    const down = textOf(files, `${FOLDER}${name}.down.sql`)
    return { name, up, down, hash: createHash('sha256').update(up).digest('hex') }
  })
}

function textOf(files: PluginFiles, file: string): string {
  const bytes = files.get(file)
  if (bytes === undefined) throw new BadRequest('plugin.install.migration_missing', { params: { file } })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new BadRequest('plugin.install.file_encoding', { params: { file }, cause: error })
  }
}

/** The runner's is the transaction that they run in. */
function statementsOf(file: string, text: string): string[] {
  const statements = splitSql(text)
  const own = statements.find(controlsTransaction)
  if (own !== undefined)
    throw new BadRequest('plugin.install.migration_statement', {
      params: { file: `${FOLDER}${file}`, statement: shown(own.text.slice(0, 60)) },
    })
  return statements.map((statement) => statement.text)
}
