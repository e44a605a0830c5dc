import type { RoutePattern } from '#backend/core/plugin/route-pattern'

/** What a new plugin may not take. Of a plugin that is replaced, its own is left out. */
export interface CoreFacts {
  /** Names of the applications. */
  readonly apps: readonly string[]
  /** Names of the plugins that ship with the product. */
  readonly built_ins: readonly string[]
  /** Names of the other plugins that are installed. */
  readonly plugins: readonly string[]
  /** Of the product and of every plugin, enabled or not, from `/`. */
  readonly routes: readonly RoutePattern[]
  readonly tables: readonly string[]
  readonly permissions: readonly string[]
  /** Names of environment variables. */
  readonly env_keys: readonly string[]
  /** Names of scoped models. */
  readonly model_names: readonly string[]
  readonly menu_names: readonly string[]
}
