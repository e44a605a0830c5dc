import * as auditChainCrud from '#backend/app/admin/crud/audit-chain.crud'
import { listNoted } from '#backend/app/admin/service/audit-removal.service'
import type { End } from '#backend/core/audit/ends'
import { headMac, type Removal, type StoredHead } from '#backend/core/audit/mac'
import { bodyOf, FIRST_HASH, linkOf } from '#backend/core/audit/record'
import { type Ctx, withSnapshot } from '#backend/core/ctx'

/** The first thing that is wrong with a stream of the operation log. */
export interface Fault {
  stream: string
  seq: number
  /** Of the row at which it shows; null: there is none. */
  id: number | null
  kind: 'altered' | 'missing' | 'out of order' | 'added' | 'head removed' | 'head altered'
}

export interface StreamReport {
  stream: string
  /** Records whose hash is right, and those that are known to have been removed. */
  verified_count: number
  removed_count: number
  fault: Fault | undefined
}

interface Place {
  seq: number
  hash: string
}

const BATCH_ROWS = 1_000
const NOTHING = { verified_count: 0, removed_count: 0 }

/** Every stream of the log, by the key of this installation; rows and notes of removal as of one moment. */
export async function verifyAll(ctx: Ctx): Promise<StreamReport[]> {
  return withSnapshot(ctx, verifyStreams)
}

async function verifyStreams(ctx: Ctx): Promise<StreamReport[]> {
  const known = (await ctx.audit_ends.read()).sort((a, b) => a.seq - b.seq)
  const ends = new Map(known.map((end) => [end.stream, end]))
  const reports: StreamReport[] = []
  for (const head of await auditChainCrud.listHeads(ctx.db)) {
    const report = await verifyStream(ctx, head)
    const fault = report.fault ?? (await faultOfEnd(ctx, head, ends.get(head.stream)))
    reports.push({ ...report, fault })
    ends.delete(head.stream)
  }
  for (const stream of new Set([...(await auditChainCrud.listHeadless(ctx.db)), ...ends.keys()]))
    reports.push({ ...NOTHING, stream, fault: { stream, seq: 0, id: null, kind: 'head removed' } })
  return reports
}

/** Of a stream that is right up to its head: what is behind it, and what this machine knows to have been stored. */
async function faultOfEnd(
  ctx: Ctx,
  { stream, stored_seq, stored_hash }: StoredHead,
  end: End | undefined,
): Promise<Fault | undefined> {
  const [behind] = await auditChainCrud.listAfter(ctx.db, stream, { seq: stored_seq + 1, id: 0 }, 1)
  const added = behind ?? (await auditChainCrud.findMisplaced(ctx.db, stream))
  if (added !== undefined) return { stream, seq: added.seq, id: added.id, kind: 'added' }
  if (end === undefined) return undefined
  if (stored_seq < end.seq) return { stream, seq: stored_seq + 1, id: null, kind: 'missing' }
  const isOther = stored_seq === end.seq && stored_hash !== end.hash
  return isOther ? { stream, seq: stored_seq, id: null, kind: 'head altered' } : undefined
}

/** How many rows no chain vouches for: those of the time before there was one, and whatever was put among them. */
export async function countUnchained(ctx: Ctx): Promise<number> {
  return auditChainCrud.countUnchained(ctx.db)
}

/** Goes through a stream from its first record to its head, or to `up_to_seq`; stops at the first fault. */
export async function verifyStream(ctx: Ctx, head: StoredHead, up_to_seq = head.stored_seq): Promise<StreamReport> {
  const { stream, stored_seq, stored_hash } = head
  const key = ctx.audit_key
  const removals = await listNoted(ctx, stream)
  let place: Place = { seq: 0, hash: FIRST_HASH }
  let verified_count = 0
  const report = (fault?: Fault): StreamReport => ({
    stream,
    verified_count,
    removed_count: place.seq - verified_count,
    fault,
  })
  for await (const row of records(ctx, stream, up_to_seq)) {
    const before = passRemoved(place, row.seq, removals)
    const kind = faultOf(row, before, key)
    const seq = kind === 'missing' ? before.seq + 1 : row.seq
    if (kind !== undefined) return report({ stream, seq, id: row.id, kind })
    place = { seq: row.seq, hash: row.hash }
    verified_count += 1
  }
  place = passRemoved(place, up_to_seq + 1, removals)
  if (place.seq < up_to_seq) return report({ stream, seq: place.seq + 1, id: null, kind: 'missing' })
  const isRight = up_to_seq < stored_seq || (place.hash === stored_hash && head.mac === headMac(key, head))
  if (!isRight) return report({ stream, seq: place.seq, id: null, kind: 'head altered' })
  return report()
}

/** The records of a stream in order, up to a number: others may be on their way while this goes on. */
async function* records(ctx: Ctx, stream: string, up_to_seq: number): AsyncGenerator<auditChainCrud.StoredRecord> {
  for (let last = { seq: 1, id: 0 }; ; ) {
    const rows = await auditChainCrud.listAfter(ctx.db, stream, last, BATCH_ROWS)
    for (const row of rows) {
      if (row.seq > up_to_seq) return
      yield row
      last = row
    }
    if (rows.length < BATCH_ROWS) return
  }
}

function faultOf(row: auditChainCrud.StoredRecord, before: Place, key: string): Fault['kind'] | undefined {
  if (row.seq <= before.seq) return 'added'
  if (row.seq !== before.seq + 1) return 'missing'
  // A record that is right in itself, but not the one that followed, was put here from elsewhere.
  const isWhole = linkOf(bodyOf(row), row.seq, row.prev_hash, key).hash === row.hash
  if (!isWhole) return 'altered'
  return row.prev_hash === before.hash ? undefined : 'out of order'
}

/** Over records that were removed with a note, as far as the notes say without a break; before `next_seq`. */
function passRemoved(from: Place, next_seq: number, removals: readonly Removal[]): Place {
  let place = from
  while (place.seq + 1 < next_seq) {
    const { seq, hash } = place
    const run = removals.find((one) => one.from_seq === seq + 1 && one.prev_hash === hash && one.to_seq < next_seq)
    if (run === undefined) break
    place = { seq: run.to_seq, hash: run.hash }
  }
  return place
}
