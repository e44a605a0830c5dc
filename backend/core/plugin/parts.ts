import type { AppModule } from '#backend/core/app-module'
import type { SetParts } from '#backend/core/ctx'
import { hookRunner } from '#backend/core/hooks'
import type { LoadedPlugin } from '#backend/core/plugin/loaded'
import type { RoutePattern } from '#backend/core/plugin/route-pattern'
import type { ScopedModel } from '#backend/database/scoped-model'

/** What remains of a plugin that is not in use. */
export interface DisabledPlugin {
  readonly name: string
  readonly routes: readonly RoutePattern[]
  readonly menu_names: readonly string[]
}

/** What one generation of the application is built from. */
export interface PluginSet {
  readonly version: number
  /** In the order of their dependencies. */
  readonly enabled: readonly LoadedPlugin[]
  readonly disabled: readonly DisabledPlugin[]
}

export const NO_PLUGINS: PluginSet = { version: 0, enabled: [], disabled: [] }

/** Throws where two models have one name. */
export function partsOf(apps: readonly AppModule[], { enabled, disabled }: PluginSet): SetParts {
  const definitions = enabled.map(({ definition }) => definition)
  return {
    scoped_models: byName([...apps, ...definitions].flatMap(({ scoped_models }) => scoped_models ?? [])),
    hooks: hookRunner(definitions.flatMap(({ hooks }) => hooks ?? [])),
    overrides: definitions.flatMap(({ overrides }) => overrides ?? []),
    hidden_menus: new Set(disabled.flatMap(({ menu_names }) => menu_names)),
  }
}

function byName(models: readonly ScopedModel[]): ReadonlyMap<string, ScopedModel> {
  const found = new Map<string, ScopedModel>()
  for (const model of models) {
    if (found.has(model.name)) throw new Error(`two scoped models are named ${model.name}`)
    found.set(model.name, model)
  }
  return found
}
