import { getTableName } from 'drizzle-orm'
import type { App } from '#backend/core/app'
import { ConfigSchema } from '#backend/core/config'
import type { Host } from '#backend/core/host'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import type { PluginRow } from '#backend/core/plugin/set-store'
import { codesOf } from '#backend/middleware/access'

export interface FactSources {
  /** Names of the applications. */
  readonly apps: readonly string[]
  /** An instance that is ready. */
  readonly app: App
  readonly host: Pick<Host, 'built_ins' | 'parts'>
  /** Every plugin of the installation. */
  readonly rows: readonly Pick<PluginRow, 'name' | 'source' | 'manifest' | 'routes' | 'menu_names'>[]
  /** Every table of the database. */
  readonly tables: readonly string[]
  /** Every menu of the database. */
  readonly menu_names: readonly string[]
}

/** What a plugin of this name may not take: all that is there, but for what it has brought itself at another time. */
export function collectFacts({ apps, app, host, rows, tables, menu_names }: FactSources, name: string): CoreFacts {
  const own = rows.find((row) => row.name === name)
  const others = rows.filter((row) => row !== own)
  const all = [...host.built_ins, ...others].map(({ manifest }) => manifest)
  const manifests = all.filter((manifest) => own === undefined || manifest.name !== name)
  const isOwn = (table: string) => own?.manifest.tables.includes(table) === true
  const own_routes = new Set((app.pluginRoutes.get(name) ?? []).map(({ method, url }) => `${method} ${url}`))
  const served = app.routeAccess.filter(({ method, url }) => !own_routes.has(`${method} ${url}`))
  const codes = served.flatMap(({ access }) => codesOf(access))
  const models = [...host.parts().scoped_models.values()]
  return {
    apps,
    built_ins: host.built_ins.map(({ manifest }) => manifest.name),
    plugins: others.filter(({ source }) => source !== 'built-in').map((row) => row.name),
    routes: [...served.map(({ method, url }) => ({ method, url })), ...others.flatMap(({ routes }) => routes)],
    tables: [...tables.filter((table) => !isOwn(table)), ...manifests.flatMap((one) => one.tables)],
    permissions: [...new Set([...codes, ...manifests.flatMap(({ permissions }) => permissions)])],
    env_keys: [...Object.keys(ConfigSchema.shape), ...manifests.flatMap(({ settings }) => Object.keys(settings))],
    model_names: models.filter(({ table }) => !isOwn(getTableName(table))).map((model) => model.name),
    menu_names: menu_names.filter((menu) => !own?.menu_names.includes(menu)),
  }
}
