import type { Actor } from '#backend/core/actor'
import type { App } from '#backend/core/app'
import type { AuditSink } from '#backend/core/audit/sink'
import type { Config } from '#backend/core/config'
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
  /** Set by the one application that owns the table of the operation log. */
  readonly audit?: AuditSink
}

export interface SessionSource {
  /** The actor of a living session, or null. A session unused for `idle_seconds` is not living; 0: it never goes idle. */
  loadActor(db: Db, session_uuid: string, user_id: number, idle_seconds: number): Promise<Actor | null>
  /** Notes that a session has just been used. */
  touchSession(db: Db, session_uuid: string): Promise<void>
}

export const sessionSource = (apps: readonly AppModule[]): SessionSource =>
  onlyOne(
    apps.map(({ sessions }) => sessions),
    'the sessions',
  )

export const auditSink = (apps: readonly AppModule[]): AuditSink =>
  onlyOne(
    apps.map(({ audit }) => audit),
    'the operation log',
  )

function onlyOne<T>(offered: readonly (T | undefined)[], what: string): T {
  const [found, ...more] = offered.filter((one) => one !== undefined)
  if (found === undefined || more.length > 0) throw new Error(`exactly one application must own ${what}`)
  return found
}

export function scopedModels(apps: readonly AppModule[]): ReadonlyMap<string, ScopedModel> {
  const models = new Map<string, ScopedModel>()
  for (const model of apps.flatMap(({ scoped_models }) => scoped_models)) {
    if (models.has(model.name)) throw new Error(`two scoped models are named ${model.name}`)
    models.set(model.name, model)
  }
  return models
}
