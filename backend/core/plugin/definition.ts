import type { PgTable } from 'drizzle-orm/pg-core'
import type { MenuSeed } from '#backend/common/menu-seed'
import type { App } from '#backend/core/app'
import type { Config } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import type { Hooks } from '#backend/core/hooks'
import type { ScopedModel } from '#backend/database/scoped-model'
import type { Locale } from '#backend/locale/translate'

export type SettingValue = string | number | boolean

/** What is the same for every call into one plugin. */
export interface PluginEnvironment {
  readonly config: Config
  /** The settings that its manifest declares: from the environment variable of that name, else the default. */
  readonly settings: Readonly<Record<string, SettingValue>>
}

export interface PluginTask {
  /** Five or six fields, in DATETIME_TIMEZONE. Of all processes one runs it at each time. */
  readonly cron: string
  readonly run: (ctx: Ctx, own: PluginEnvironment) => Promise<void>
}

export interface PluginMenu extends MenuSeed {
  /** Name of the menu that it is put under; absent: the top level. */
  readonly parent?: string
}

/** What a plugin brings. Whatever is absent it does not bring. */
export interface PluginDefinition {
  /**
   * Registers the routes: below `/api/v1` where the manifest extends an application, below `/api/v1/<name>` where it
   * stands alone.
   */
  readonly api?: (app: App, own: PluginEnvironment) => Promise<void>
  /** Its tables; those of `scoped_models` need not be repeated. Every table of the manifest is in one of the two. */
  readonly models?: readonly PgTable[]
  /** Those whose rows data rules can filter. */
  readonly scoped_models?: readonly ScopedModel[]
  readonly hooks?: Hooks
  /** Settings of the product that it overrides, by name, as text; read each time they are asked for. */
  readonly overrides?: (ctx: Ctx) => Promise<Readonly<Record<string, string>>>
  readonly tasks?: Readonly<Record<string, PluginTask>>
  /** Message keys begin with the plugin's name and a dot; both languages have the same keys. */
  readonly translations?: Readonly<Record<Locale, Readonly<Record<string, string>>>>
  readonly menus?: readonly PluginMenu[]
  /** Inserts the rows it starts with, in the transaction that installs it; finds those of an earlier time. */
  readonly seed?: (ctx: Ctx) => Promise<void>
}

/** The one export, named `plugin`, of a plugin's `plugin.ts`. */
export function definePlugin(definition: PluginDefinition): PluginDefinition {
  return definition
}
