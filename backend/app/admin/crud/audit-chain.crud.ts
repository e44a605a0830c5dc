import { and, asc, count, eq, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { auditRemoval } from '#backend/app/admin/model/audit-removal.model'
import { auditStream } from '#backend/app/admin/model/audit-stream.model'
import type { Removed } from '#backend/app/admin/model/log-tombstone.model'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import type { LogRemoval } from '#backend/common/enums'
import type { Removal, StoredHead } from '#backend/core/audit/mac'
import type { AuditRecord, Link } from '#backend/core/audit/record'
import type { Db } from '#backend/database/db'

export type StoredRecord = Link & AuditRecord & { id: number }

/** ISO 8601, UTC, with milliseconds: what the hashes are made of. */
const instantText = (time: PgColumn) =>
  sql<string>`to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

export async function listHeads(db: Db): Promise<StoredHead[]> {
  const { stream, stored_seq, stored_hash, mac } = auditStream
  return db.select({ stream, stored_seq, stored_hash, mac }).from(auditStream).orderBy(asc(stream))
}

/** Streams of which there are records but no head: somebody has removed it. */
export async function listHeadless(db: Db): Promise<string[]> {
  const rows = await db.execute<{ stream: string }>(sql`
    with recursive streams(stream) as (
      (select stream from sys_opera_log where stream is not null order by stream limit 1)
      union all
      select (select stream from sys_opera_log where stream > streams.stream order by stream limit 1)
      from streams where streams.stream is not null)
    select stream from streams where stream is not null
    and not exists (select 1 from sys_audit_stream s where s.stream = streams.stream)`)
  return rows.map(({ stream }) => stream)
}

/** Records of a stream behind one of them, as the columns hold them: what their hashes were made of. */
export async function listAfter(
  db: Db,
  stream: string,
  { seq, id }: Pick<StoredRecord, 'seq' | 'id'>,
  limit: number,
): Promise<StoredRecord[]> {
  const rows = await db.execute<Record<string, unknown>>(sql`
    select id, seq, prev_hash, hash, trace_id, username, method, title, path, ip, country, region, city, user_agent, os,
      browser, device, args::text as args, status, code, msg, cost_time, diff::text as diff,
      ${instantText(operaLog.opera_time)} as opera_time
    from sys_opera_log where stream = ${stream}::uuid and seq >= ${seq} and (seq, id) > (${seq}, ${id})
    order by seq, id limit ${limit}`)
  return rows.map((row) => ({ ...(row as unknown as StoredRecord), id: Number(row.id), seq: Number(row.seq) }))
}

export async function listRemovals(db: Db, stream: string): Promise<(Removal & { mac: string })[]> {
  const { from_seq, to_seq, prev_hash, hash, reason, username, trace_id, mac } = auditRemoval
  const created_time = instantText(auditRemoval.created_time)
  return db
    .select({
      stream: auditRemoval.stream,
      from_seq,
      to_seq,
      prev_hash,
      hash,
      reason,
      username,
      trace_id,
      mac,
      created_time,
    })
    .from(auditRemoval)
    .where(eq(auditRemoval.stream, stream))
    .orderBy(asc(from_seq))
}

/** The last number of a stream before which every record is older than this many days; undefined: there is none. */
export async function findExpired(db: Db, stream: string, age_days: number): Promise<number | undefined> {
  const [row] = await db.execute<{ seq: string | null }>(sql`
    select coalesce(
      (select seq - 1 from sys_opera_log where stream = ${stream}::uuid
        and opera_time >= now() - make_interval(days => ${age_days}) order by seq limit 1),
      (select max(seq) from sys_opera_log where stream = ${stream}::uuid)) as seq`)
  return row?.seq == null ? undefined : Number(row.seq)
}

export interface RemovalNote {
  reason: LogRemoval
  username: string
  trace_id: string
}

/** Removes rows and notes, for each run of records that followed each other, between which hashes they stood. */
export async function removeWhere(db: Db, where: SQL | undefined, note: RemovalNote, macOf: MacOf): Promise<Removed> {
  const [row] = await db.execute<
    { runs: string; removed_count: string } & Record<'oldest_time' | 'newest_time', string>
  >(sql`
    with doomed as (
      delete from ${operaLog} where ${where ?? sql`true`} returning stream, seq, prev_hash, hash, opera_time),
    marked as (
      select *, lag(seq) over run as before, lead(seq) over run as behind from doomed where stream is not null
      window run as (partition by stream order by seq)),
    starts as (
      select stream, seq, prev_hash, row_number() over (partition by stream order by seq) as nr
      from marked where before is distinct from seq - 1),
    ends as (
      select stream, seq, hash, row_number() over (partition by stream order by seq) as nr
      from marked where behind is distinct from seq + 1),
    runs as (
      select stream, s.seq as from_seq, e.seq as to_seq, s.prev_hash, e.hash from starts s join ends e using (stream, nr))
    select (select coalesce(json_agg(runs), '[]')::text from runs) as runs, count(*) as removed_count,
      min(opera_time)::text as oldest_time, max(opera_time)::text as newest_time from doomed`)
  const runs = JSON.parse(row?.runs ?? '[]') as Run[]
  if (runs.length > 0) await noteRemovals(db, runs, note, macOf)
  return {
    removed_count: Number(row?.removed_count ?? 0),
    oldest_time: row?.oldest_time ?? null,
    newest_time: row?.newest_time ?? null,
  }
}

/** What only a holder of the key can make of a note. */
type MacOf = (removal: Removal) => string
type Run = Pick<Removal, 'stream' | 'from_seq' | 'to_seq' | 'prev_hash' | 'hash'>

async function noteRemovals(db: Db, runs: readonly Run[], note: RemovalNote, macOf: MacOf): Promise<void> {
  const created_time = new Date().toISOString()
  const notes = runs.map((run) => {
    const removal = { ...run, ...note, created_time }
    return { ...removal, mac: macOf(removal) }
  })
  await db.execute(sql`
    insert into sys_audit_removal (
      stream, from_seq, to_seq, prev_hash, hash, reason, username, trace_id, created_time, mac)
    select r.* from json_to_recordset(${JSON.stringify(notes)}::json) as r (
      stream uuid, from_seq bigint, to_seq bigint, prev_hash text, hash text, reason text, username text,
      trace_id text, created_time timestamptz, mac text)`)
}

export const isUpTo = (stream: string, seq: number): SQL =>
  sql`${operaLog.stream} = ${stream}::uuid and ${operaLog.seq} <= ${seq}`

/** Rows of the time before this log had chains. */
export const isUnchainedOlderThan = (age_days: number): SQL =>
  sql`${operaLog.stream} is null and ${operaLog.opera_time} < now() - make_interval(days => ${age_days})`

/** A row that claims to belong to a stream, at a place that no record has. */
export async function findMisplaced(db: Db, stream: string): Promise<{ id: number; seq: number } | undefined> {
  const [row] = await db
    .select({ id: operaLog.id, seq: operaLog.seq })
    .from(operaLog)
    .where(and(eq(operaLog.stream, stream), or(isNull(operaLog.seq), lt(operaLog.seq, 1))))
    .limit(1)
  return row === undefined ? undefined : { id: row.id, seq: row.seq ?? 0 }
}

/** How many rows are in no stream: of the time before this log had chains, or from elsewhere. */
export async function countUnchained(db: Db): Promise<number> {
  const [row] = await db.select({ total: count() }).from(operaLog).where(isNull(operaLog.stream))
  return row?.total ?? 0
}
