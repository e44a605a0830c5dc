import { and, eq, sql } from 'drizzle-orm'
import { auditStream } from '#backend/app/admin/model/audit-stream.model'
import type { Batch } from '#backend/core/audit/sink'
import { type Db, inTransaction } from '#backend/database/db'

export async function storedSeq(db: Db, stream: string): Promise<number> {
  const [row] = await db
    .select({ stored_seq: auditStream.stored_seq })
    .from(auditStream)
    .where(eq(auditStream.stream, stream))
  return row?.stored_seq ?? 0
}

/** The rows and the position of their stream, both or neither; see AuditSink. */
export async function store(db: Db, batch: Batch): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await advance(tx, batch))) return false
    await insertLines(tx, batch)
    return true
  })
}

/** Texts alone: what is left of a record whose JSON or numbers the database refuses. */
export async function storeRefused(db: Db, batch: Batch, reason: string): Promise<boolean> {
  const lines = batch.lines.map((line) => JSON.stringify(remainderOf(line, reason)))
  return store(db, { ...batch, lines })
}

function remainderOf(line: string, reason: string): Record<string, unknown> {
  const { msg, ...fields } = JSON.parse(line) as { msg: string | null }
  return { ...fields, args: null, diff: null, cost_time: 0, msg: `(${reason}) ${msg ?? ''}` }
}

async function advance(tx: Db, { stream, stored_seq, last, mac }: Batch): Promise<boolean> {
  const position = { stored_seq: last.seq, stored_hash: last.hash, mac }
  const rows =
    stored_seq === 0
      ? await tx
          .insert(auditStream)
          .values({ stream, ...position })
          .onConflictDoNothing()
          .returning({ stream: auditStream.stream })
      : await tx
          .update(auditStream)
          .set(position)
          .where(and(eq(auditStream.stream, stream), eq(auditStream.stored_seq, stored_seq)))
          .returning({ stream: auditStream.stream })
  return rows.length === 1
}

/** The lines are the JSON of rows already: PostgreSQL takes them apart, which costs this process next to nothing. */
async function insertLines(tx: Db, { stream, lines }: Batch): Promise<void> {
  await tx.execute(sql`
    insert into sys_opera_log (
      stream, seq, prev_hash, hash, trace_id, username, method, title, path, ip, country, region, city, user_agent, os,
      browser, device, status, code, msg, cost_time, opera_time, args, diff, created_time)
    select ${stream}::uuid, r.*, now()
    from json_to_recordset(${`[${lines.join(',')}]`}::json) as r (
      seq bigint, prev_hash text, hash text, trace_id text, username text, method text, title text, path text, ip text,
      country text, region text, city text, user_agent text, os text, browser text, device text, status int, code text,
      msg text, cost_time float8, opera_time timestamptz, args json, diff json)`)
}
