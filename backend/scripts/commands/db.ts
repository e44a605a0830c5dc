import { auditFolder } from '#backend/core/audit/ends'
import { removeOrphans } from '#backend/core/audit/spool-files'
import { withTx } from '#backend/core/ctx'
import type { Host } from '#backend/core/host'
import { systemCtx } from '#backend/core/host'
import { builtInMigrationStatus } from '#backend/core/plugin/built-in-install'
import { MIGRATION_LOCK_KEY, migrationStatus } from '#backend/database/migrate'
import { ADMIN_USERNAME, SAMPLE_PASSWORD } from '#backend/scripts/accounts'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'
import { migrateAll } from '#backend/scripts/migrate-database'
import { seedDatabase } from '#backend/scripts/seed-database'
import { askConfirmation } from '#backend/scripts/terminal'

export async function migrate(): Promise<void> {
  await withHost(migrateHost)
}

export async function status(): Promise<void> {
  await withHost(async (host) => {
    const core = await migrationStatus(host.database)
    // Their journal is one of the tables that the core's migrations make.
    const theirs = core.every(({ applied }) => applied) ? await builtInMigrationStatus(host) : []
    for (const { name, applied } of [...core, ...theirs]) console.log(`${applied ? 'applied' : 'pending'}  ${name}`)
  })
}

export async function seed(): Promise<void> {
  await withHost(seedHost)
}

/** Drops everything in the database, then migrates and seeds it. */
export async function reset({ yes, force }: { yes?: boolean; force?: boolean }): Promise<void> {
  await withHost(async (host) => {
    if (host.config.NODE_ENV === 'production' && force !== true)
      throw new Mistake('This is production: db reset deletes every row. Give --force if that is what you want.')
    const name = await databaseName(host)
    if (yes !== true) await askConfirmation(`Delete everything in the database ${name}?`, '--yes')
    await dropAll(host)
    removeOrphans(auditFolder(host.config.DATA_DIR))
    await host.shared.audit_ends.forget()
    console.log(`database ${name} emptied`)
    await migrateHost(host)
    await seedHost(host)
    const ctx = systemCtx(host)
    await withTx(ctx, (ctx) => ctx.actors.touch(ctx, ['all']))
  })
}

async function migrateHost(host: Host): Promise<void> {
  const { applied, adopted } = await migrateAll(host)
  if (adopted) console.log('tables that were there already were taken over')
  for (const name of applied) console.log(`applied ${name}`)
  if (applied.length === 0) console.log('the database is current')
}

async function seedHost(host: Host): Promise<void> {
  const { menus, accounts, generated_password } = await seedDatabase(host)
  console.log(`${menus} menus inserted`)
  if (accounts === 'samples') console.log(`accounts admin and test made, password ${SAMPLE_PASSWORD}`)
  if (accounts !== 'administrator') return
  console.log(`administrator ${ADMIN_USERNAME} made`)
  if (generated_password !== undefined) console.log(`its password, shown this once: ${generated_password}`)
}

async function databaseName({ database }: Host): Promise<string> {
  const [row] = await database.sql<{ name: string }[]>`select current_database() as name`
  return row?.name ?? ''
}

/** Our own objects, one by one: dropping the schema takes an owner's rights, and what extensions have put there. */
async function dropAll({ database }: Host): Promise<void> {
  await database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${String(MIGRATION_LOCK_KEY)}::bigint)`
    const objects = await tx<{ kind: string; name: string }[]>`
      select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end
               as kind, c.oid::regclass::text as name
      from pg_class c
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
        and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by c.relkind <> 'v', c.relkind = 'S'`
    for (const { kind, name } of objects) await tx.unsafe(`drop ${kind} if exists ${name} cascade`)
    await tx`drop schema if exists drizzle cascade`
  })
}
