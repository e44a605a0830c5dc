import type { Actor } from '#backend/core/actor'
import type { App } from '#backend/core/app'
import type { Config } from '#backend/core/config'
import type { PluginMenu } from '#backend/core/plugin/definition'
import type { Db } from '#backend/database/db'
import type { ScopedModel } from '#backend/database/scoped-model'

/** What an application brings to the host. */
export interface AppModule {
  readonly name: string
  /** Registers the routes, below `/api/v1`. */
  readonly api: (app: App, config: Config) => Promise<void>
  readonly scoped_models: readonly ScopedModel[]
  /** Set by the one application that owns users and sessions. */
  readonly sessions?: SessionSource
  /** Set by the one application that owns menus. */
  readonly menus?: MenuStore
}

export interface MenuStore {
  /** Inserts those that are missing, recognised by name; the others stay as they are. Returns how many it inserted. */
  insert(db: Db, menus: readonly PluginMenu[]): Promise<number>
  /** The names of all that are there. */
  names(db: Db): Promise<string[]>
  /** Removes those of these names with what roles have of them; what somebody has put below them moves to the top. */
  remove(db: Db, names: readonly string[]): Promise<void>
}

export interface SessionSource {
  /** The actor of a living session, or null. A session unused for `idle_seconds` is not living; 0: it never goes idle. */
  loadActor(db: Db, session_uuid: string, user_id: number, idle_seconds: number): Promise<Actor | null>
  /** Notes that a session has just been used. */
  touchSession(db: Db, session_uuid: string): Promise<void>
}

export function sessionSource(apps: readonly AppModule[]): SessionSource {
  return theOne(
    'sessions',
    apps.flatMap(({ sessions }) => sessions ?? []),
  )
}

export function menuStore(apps: readonly AppModule[]): MenuStore {
  return theOne(
    'menus',
    apps.flatMap(({ menus }) => menus ?? []),
  )
}

function theOne<T>(what: string, owners: readonly T[]): T {
  const [owner, ...more] = owners
  if (owner === undefined || more.length > 0) throw new Error(`exactly one application must own the ${what}`)
  return owner
}
