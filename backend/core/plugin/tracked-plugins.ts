import { inArray } from 'drizzle-orm'
import { plugin } from '#backend/core/plugin/model/plugin.model'
import type { TrackedRows } from '#backend/database/tracked-rows'

const { name, version, source, enabled, digest } = plugin

/** What the operation log shows of a plugin: not its archive, nor what the archive says. */
export const trackedPlugins: TrackedRows = {
  table: 'sys_plugin',
  async read(db, names) {
    const rows = await db
      .select({ name, version, source, enabled, digest })
      .from(plugin)
      .where(inArray(name, names.map(String)))
      .orderBy(name)
      .for('update')
    return new Map(rows.map((row) => [row.name, row]))
  },
}
