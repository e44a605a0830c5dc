import { BadRequest, Conflict } from '#backend/common/errors'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { shown } from '#backend/core/plugin/install/file-names'
import type { SmokeReport } from '#backend/core/plugin/install/smoke-report'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import { routesOverlap } from '#backend/core/plugin/route-pattern'

/**
 * Throws Conflict where a plugin, as it turned out, takes a route, model or menu that is there already, and BadRequest
 * where it is not what its manifest says.
 */
export function checkReport(manifest: PluginManifest, report: SmokeReport, facts: CoreFacts): void {
  checkCapabilities(manifest, report)
  checkRoutes(manifest, report, facts)
  checkModels(manifest, report, facts)
  checkMenus(manifest, report, facts)
  const key = report.message_keys.find((one) => !one.startsWith(`${manifest.name}.`))
  if (key !== undefined) throw new BadRequest('plugin.install.message_foreign', { params: { key: shown(key) } })
}

/** Migrations are files, and were compared when they were read. */
function checkCapabilities({ capabilities }: PluginManifest, { capabilities: brought }: SmokeReport): void {
  const declared: readonly string[] = capabilities.filter((one) => one !== 'migrations')
  const silent = brought.find((one) => !declared.includes(one))
  if (silent !== undefined) throw new BadRequest('plugin.install.capability_undeclared', { params: { name: silent } })
  const absent = declared.find((one) => !brought.includes(one))
  if (absent !== undefined) throw new BadRequest('plugin.install.capability_absent', { params: { name: absent } })
}

function checkRoutes({ permissions }: PluginManifest, { routes }: SmokeReport, facts: CoreFacts): void {
  for (const route of routes) {
    const shadowed = facts.routes.find((other) => routesOverlap(route, other))
    const named = `${route.method} ${route.url}`
    if (shadowed !== undefined)
      throw new Conflict('plugin.install.route_taken', {
        params: { route: shown(named), other: `${shadowed.method} ${shadowed.url}` },
      })
    const code = route.permissions.find((one) => !permissions.includes(one))
    if (code !== undefined)
      throw new BadRequest('plugin.install.permission_undeclared', {
        params: { place: shown(named), code: shown(code) },
      })
  }
}

function checkModels({ tables }: PluginManifest, { models, tables: modelled }: SmokeReport, facts: CoreFacts): void {
  const name = models.find((one) => facts.model_names.includes(one))
  if (name !== undefined) throw new Conflict('plugin.install.model_taken', { params: { name } })
  const foreign = modelled.find((table) => !tables.includes(table))
  if (foreign !== undefined) throw new BadRequest('plugin.install.model_foreign', { params: { table: shown(foreign) } })
  const bare = tables.find((table) => !modelled.includes(table))
  if (bare !== undefined) throw new BadRequest('plugin.install.model_missing', { params: { table: bare } })
}

function checkMenus({ permissions }: PluginManifest, { menus }: SmokeReport, facts: CoreFacts): void {
  const seen = new Set<string>()
  for (const { name, parent, permissions: codes } of menus) {
    if (seen.has(name) || facts.menu_names.includes(name))
      throw new Conflict('plugin.install.menu_taken', { params: { name: shown(name) } })
    seen.add(name)
    const code = codes.find((one) => !permissions.includes(one))
    if (code !== undefined)
      throw new BadRequest('plugin.install.permission_undeclared', {
        params: { place: shown(name), code: shown(code) },
      })
    if (parent !== null && !seen.has(parent) && !facts.menu_names.includes(parent))
      throw new BadRequest('plugin.install.menu_parent', { params: { name: shown(name), parent: shown(parent) } })
  }
}
