import { eq, type SQL, sql } from 'drizzle-orm'
import { auditStream } from '#backend/app/admin/model/audit-stream.model'
import type { StoredHead } from '#backend/core/audit/mac'
import type { Batch } from '#backend/core/audit/sink'
import type { Db } from '#backend/database/db'

export async function findHead(db: Db, stream: string): Promise<StoredHead | undefined> {
  const { stored_seq, stored_hash, mac } = auditStream
  const [head] = await db
    .select({ stream: auditStream.stream, stored_seq, stored_hash, mac })
    .from(auditStream)
    .where(eq(auditStream.stream, stream))
  return head
}

/** The rows and the position of their stream, both or neither; see AuditSink. */
export async function store(db: Db, batch: Batch): Promise<boolean> {
  const { stream, text } = batch
  // The lines are the JSON of rows already: PostgreSQL takes them apart, which costs this process next to nothing.
  const { count } = await db.execute(sql`
    with moved as (${advance(batch)} returning 1)
    insert into sys_opera_log (
      stream, seq, prev_hash, hash, trace_id, username, method, title, path, ip, country, region, city, user_agent, os,
      browser, device, status, code, msg, cost_time, opera_time, args, diff, created_time)
    select ${stream}::uuid, r.*, now()
    from json_to_recordset(('[' || replace(${text}, chr(10), ',') || ']')::json) as r (
      seq bigint, prev_hash text, hash text, trace_id text, username text, method text, title text, path text, ip text,
      country text, region text, city text, user_agent text, os text, browser text, device text, status int, code text,
      msg text, cost_time float8, opera_time timestamptz, args json, diff json)
    where exists (select 1 from moved)`)
  return count > 0
}

/** Moves the position, or no row: somebody else has moved it. */
function advance({ stream, stored_seq, last, mac }: Batch): SQL {
  return stored_seq === 0
    ? sql`
      insert into sys_audit_stream (stream, stored_seq, stored_hash, mac, created_time)
      values (${stream}, ${last.seq}, ${last.hash}, ${mac}, now()) on conflict do nothing`
    : sql`
      update sys_audit_stream set stored_seq = ${last.seq}, stored_hash = ${last.hash}, mac = ${mac}, updated_time = now()
      where stream = ${stream} and stored_seq = ${stored_seq}`
}

/** Texts alone: what is left of a record whose JSON or numbers the database refuses. */
export async function storeRefused(db: Db, batch: Batch, reason: string): Promise<boolean> {
  return store(db, { ...batch, text: JSON.stringify(remainderOf(batch.text, reason)) })
}

function remainderOf(line: string, reason: string): Record<string, unknown> {
  const { msg, ...fields } = JSON.parse(line) as { msg: string | null }
  return { ...fields, args: null, diff: null, cost_time: 0, msg: `(${reason}) ${msg ?? ''}` }
}
