import { Conflict, Forbidden, NotFound, type Refusal } from '#backend/common/errors'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { PluginRow } from '#backend/core/plugin/set-store'

type Rows = readonly PluginRow[]

export function rowOf(rows: Rows, name: string): PluginRow {
  const row = rows.find((one) => one.name === name)
  if (row === undefined) throw new NotFound('plugin.not_found')
  return row
}

/** What others need, and what the product cannot do without, stays. */
export function whyNotDisable({ name, manifest }: PluginRow, rows: Rows): Refusal | undefined {
  if (manifest.required) return new Forbidden('plugin.required', { params: { plugin: name } })
  const needing = rows.filter((one) => one.enabled && one.manifest.depends_on.includes(name))
  const plugins = needing.map((one) => one.name).join(', ')
  return needing.length === 0 ? undefined : new Conflict('plugin.needed', { params: { plugins } })
}

/** One that is disabled still names it: enabling it later, or starting with it, would fail for ever. */
export function whyNotUninstall(row: PluginRow, rows: Rows): Refusal | undefined {
  if (row.source === 'built-in') return new Forbidden('plugin.built_in')
  const plugins = rows.filter((one) => one.manifest.depends_on.includes(row.name)).map((one) => one.name)
  if (plugins.length === 0) return whyNotDisable(row, rows)
  return new Conflict('plugin.needed_installed', { params: { plugins: plugins.join(', ') } })
}

export function whyNotEnable({ depends_on }: PluginManifest, rows: Rows): Refusal | undefined {
  const enabled = new Set(rows.filter((one) => one.enabled).map((one) => one.name))
  const lacking = depends_on.filter((name) => !enabled.has(name))
  return lacking.length === 0 ? undefined : new Conflict('plugin.needs', { params: { plugins: lacking.join(', ') } })
}

/** Throws where a plugin may not go from the one state to the other. */
export function assertMayToggle(row: PluginRow, rows: Rows): void {
  const refusal = row.enabled ? whyNotDisable(row, rows) : whyNotEnable(row.manifest, rows)
  if (refusal !== undefined) throw refusal
}
