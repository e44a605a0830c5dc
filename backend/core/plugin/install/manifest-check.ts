import { BadRequest, Conflict } from '#backend/common/errors'
import { MANIFEST, type PluginFiles, reasonOf } from '#backend/core/plugin/install/archive'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { shown } from '#backend/core/plugin/install/file-names'
import { PluginManifest } from '#backend/core/plugin/manifest'
import { zhCN } from '#backend/locale/zh-CN'

export const ENTRY = 'plugin.ts'

/** The manifest of a plugin, by itself. Throws BadRequest saying what is wrong with it; no code has run then. */
export function manifestOf(files: PluginFiles): PluginManifest {
  const second = [...files.keys()].find((path) => path.endsWith(`/${MANIFEST}`))
  const bytes = files.get(MANIFEST)
  if (bytes === undefined) throw new BadRequest('plugin.install.manifest_missing')
  if (second !== undefined) throw new BadRequest('plugin.install.manifest_twice', { params: { file: shown(second) } })
  const parsed = PluginManifest.safeParse(jsonOf(bytes))
  if (!parsed.success) {
    const detail = parsed.error.issues.slice(0, 5).map(({ path, message }) => shown(`${path.join('.')}: ${message}`))
    throw new BadRequest('plugin.install.manifest_invalid', { params: { detail: detail.join('; ') } })
  }
  const manifest = parsed.data
  if (manifest.required) throw new BadRequest('plugin.install.manifest_required')
  if (!files.has(ENTRY)) throw new BadRequest('plugin.install.entry_missing')
  return manifest
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new BadRequest('plugin.install.manifest_json', { params: { reason: reasonOf(error) }, cause: error })
  }
}

/** Throws Conflict where a manifest names what is not its own, BadRequest where it names what is not there. */
export function checkAgainstFacts(manifest: PluginManifest, facts: CoreFacts): void {
  checkName(manifest, facts)
  if (manifest.extends !== undefined && !facts.apps.includes(manifest.extends))
    throw new BadRequest('plugin.install.extends_unknown', { params: { app: manifest.extends } })
  const known = [...facts.built_ins, ...facts.plugins]
  const unknown = manifest.depends_on.find((name) => name === manifest.name || !known.includes(name))
  if (unknown !== undefined) throw new BadRequest('plugin.install.depends_unknown', { params: { name: unknown } })
  const table = manifest.tables.find((name) => facts.tables.includes(name) || name.startsWith('pg_'))
  if (table !== undefined) throw new Conflict('plugin.install.table_taken', { params: { table } })
  const code = manifest.permissions.find((one) => facts.permissions.includes(one))
  if (code !== undefined) throw new Conflict('plugin.install.permission_taken', { params: { code } })
  const key = Object.keys(manifest.settings).find((one) => facts.env_keys.includes(one) || OF_OTHERS.test(one))
  if (key !== undefined) throw new Conflict('plugin.install.setting_taken', { params: { key } })
}

/** Environment variables that Node.js, npm, the system or PostgreSQL go by. */
const OF_OTHERS =
  /^(NODE|NPM|TSX|ESBUILD|LD|DYLD|LC|PG|GIT|SSL|XDG|FBA|TEST|VITEST)_|^(PATH|HOME|USER|SHELL|PWD|LANG|HOSTNAME|TMPDIR|TEMP|TERM|HTTPS?_PROXY|NO_PROXY|PGHOST|PGUSER|PGPASSWORD)$/

function checkName({ name, extends: app }: PluginManifest, { apps, built_ins, routes }: CoreFacts): void {
  const params = { name }
  if (apps.includes(name)) throw new Conflict('plugin.install.name_app', { params })
  if (built_ins.includes(name)) throw new Conflict('plugin.install.name_built_in', { params })
  // Of one that stands alone the name begins its paths; of every one, the keys of its messages.
  const begins = app === undefined && routes.some(({ url }) => url.startsWith(`/api/v1/${name}/`))
  if (begins || MESSAGE_PREFIXES.has(name) || isBelowPlugins(name, routes))
    throw new Conflict('plugin.install.name_reserved', { params })
}

/** Whether a path of the product stands where the plugin's own is: `/sys/plugins/changed` would be its download. */
function isBelowPlugins(name: string, routes: CoreFacts['routes']): boolean {
  return routes.some(({ url }) => url === `${PLUGINS}/${name}` || url.startsWith(`${PLUGINS}/${name}/`))
}

const PLUGINS = '/api/v1/sys/plugins'
const MESSAGE_PREFIXES = new Set(Object.keys(zhCN).map((key) => key.split('.', 1)[0] ?? key))
