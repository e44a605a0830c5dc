import { menu } from '#backend/app/admin/model/menu.model'
import { collectFacts } from '#backend/core/plugin/install/collect-facts'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { readSet } from '#backend/core/plugin/set-store'
import { APPS } from '#backend/server'
import type { TestApp } from '#backend/tests/harness'

/** What the product of a test already has, for a plugin of this name. */
export async function factsOf({ app, host, db }: TestApp, name: string): Promise<CoreFacts> {
  const { rows } = await readSet(db)
  const menus = await db.select().from(menu)
  const tables = await host.database.sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = current_schema()`
  const sources = {
    apps: APPS.map((one) => one.name),
    app,
    host,
    rows,
    tables: tables.map((table) => table.name),
    menu_names: menus.map((one) => one.name),
  }
  return collectFacts(sources, name)
}
