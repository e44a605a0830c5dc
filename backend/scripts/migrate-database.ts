import type { Host } from '#backend/core/host'
import { migrateBuiltIns } from '#backend/core/plugin/built-in-install'
import { type MigrationLog, type MigrationResult, migrate } from '#backend/database/migrate'

/** The migrations of the product, then those of the plugins that ship with it. */
export async function migrateAll(host: Host, { log }: { log?: MigrationLog } = {}): Promise<MigrationResult> {
  const { applied, adopted } = await migrate(host.database, log === undefined ? {} : { log })
  return { applied: [...applied, ...(await migrateBuiltIns(host))], adopted }
}
