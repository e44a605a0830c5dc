import { getTableName } from 'drizzle-orm'
import { menu } from '#backend/app/admin/model/menu.model'
import { splitCodes } from '#backend/common/codes'
import { ConfigSchema } from '#backend/core/config'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { codesOf } from '#backend/middleware/access'
import { APPS } from '#backend/server'
import type { TestApp } from '#backend/tests/harness'

/** What the product of a test already has. */
export async function factsOf({ app, host, db }: TestApp): Promise<CoreFacts> {
  const menus = await db.select().from(menu)
  const tables = await host.database.sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = current_schema()`
  const codes = app.routeAccess.flatMap(({ access }) => codesOf(access))
  return {
    apps: APPS.map(({ name }) => name),
    built_ins: ['dict'],
    plugins: ['weather'],
    routes: app.routeAccess.map(({ method, url }) => ({ method, url })),
    tables: [...tables.map(({ name }) => name), getTableName(menu)],
    permissions: [...new Set([...codes, ...menus.flatMap(({ perms }) => splitCodes(perms ?? ''))])],
    env_keys: Object.keys(ConfigSchema.shape),
    model_names: APPS.flatMap(({ scoped_models }) => scoped_models.map(({ name }) => name)),
    menu_names: menus.map(({ name }) => name),
  }
}
