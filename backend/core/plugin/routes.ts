import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import { type Config, pluginSettings } from '#backend/core/config'
import type { PluginEnvironment } from '#backend/core/plugin/definition'
import type { LoadedPlugin } from '#backend/core/plugin/loaded'
import type { DisabledPlugin, PluginSet } from '#backend/core/plugin/parts'
import { type RoutePattern, urlMatches } from '#backend/core/plugin/route-pattern'

declare module 'fastify' {
  interface FastifyInstance {
    /** What each plugin in use has registered, by its name. */
    pluginRoutes: Map<string, RoutePattern[]>
  }
}

const API = '/api/v1'

export function environmentOf(config: Config, { manifest }: LoadedPlugin): PluginEnvironment {
  return { config, settings: pluginSettings(manifest.name, manifest.settings) }
}

export interface PluginRoutesOptions {
  config: Config
  apps: readonly AppModule[]
  set: PluginSet
}

/** Registers the routes of the plugins in use, each in a scope of its own. */
export async function pluginRoutes(app: App, { config, apps, set }: PluginRoutesOptions): Promise<void> {
  for (const plugin of set.enabled) {
    const { manifest, definition } = plugin
    if (manifest.extends !== undefined && !apps.some(({ name }) => name === manifest.extends))
      throw new Error(`plugin ${manifest.name} extends ${manifest.extends}, which is no application`)
    const own = environmentOf(config, plugin)
    const routes: RoutePattern[] = []
    app.pluginRoutes.set(manifest.name, routes)
    await app.register(
      async (scope: App) => {
        scope.addHook('onRoute', ({ method, url }) => {
          routes.push(...[method].flat().map((one) => ({ method: one, url })))
        })
        await definition.api?.(scope, own)
      },
      { prefix: manifest.extends === undefined ? `${API}/${manifest.name}` : API },
    )
  }
}

/** Finds the plugin out of use that would answer a request. */
export function disabledRoutes(
  disabled: readonly DisabledPlugin[],
): (method: string, url: string) => string | undefined {
  const routes = disabled.flatMap(({ name, routes }) => routes.map((route) => ({ name, ...route })))
  return (method, url) => {
    const path = url.split('?', 1)[0] ?? ''
    return routes.find((route) => route.method === method && urlMatches(route.url, path))?.name
  }
}
