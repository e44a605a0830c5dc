import * as auditChainCrud from '#backend/app/admin/crud/audit-chain.crud'
import { removeNoted } from '#backend/app/admin/service/audit-removal.service'
import { verifyStream } from '#backend/app/admin/service/audit-verify.service'
import * as logTombstoneService from '#backend/app/admin/service/log-tombstone.service'
import type { Expired } from '#backend/core/audit/sink'
import { type Ctx, withSnapshot, withTx } from '#backend/core/ctx'
import { tryLockXact } from '#backend/database/locks'

const RETENTION_LOCK = 'sys_opera_log:retention'

/**
 * Removes the records that are older than AUDIT_RETENTION_DAYS: of each stream the beginning, whole and verified. What
 * cannot be verified stays, and is reported. Of several processes one does it.
 */
export async function removeExpired(ctx: Ctx): Promise<Expired[]> {
  const removed: Expired[] = []
  for (const head of await auditChainCrud.listHeads(ctx.db)) {
    // As of one moment: what the API deletes meanwhile would look as if it were missing.
    const up_to_seq = await withSnapshot(ctx, (ctx) => verifiedUpTo(ctx, head))
    const expired = up_to_seq === undefined ? undefined : await removeUpTo(ctx, head.stream, up_to_seq)
    if (expired !== undefined) removed.push(expired)
  }
  const unchained = await withTx(ctx, removeUnchained)
  return unchained === undefined ? removed : [...removed, unchained]
}

/** Where the old beginning of a stream ends; undefined: there is none, it cannot be verified, or somebody else does it. */
async function verifiedUpTo(ctx: Ctx, head: auditChainCrud.StoredHead): Promise<number | undefined> {
  if (!(await tryLockXact(ctx.db, RETENTION_LOCK))) return undefined
  const up_to_seq = await auditChainCrud.findExpired(ctx.db, head.stream, ctx.config.AUDIT_RETENTION_DAYS)
  if (up_to_seq === undefined) return undefined
  const { fault } = await verifyStream(ctx, head, up_to_seq)
  if (fault === undefined || fault.seq > up_to_seq) return up_to_seq
  ctx.log.error({ ...fault }, 'operation log: records that cannot be verified are not removed')
  return undefined
}

async function removeUpTo(ctx: Ctx, stream: string, up_to_seq: number): Promise<Expired | undefined> {
  return withTx(ctx, async (ctx) => {
    const count = await remove(ctx, auditChainCrud.isUpTo(stream, up_to_seq))
    return count === 0 ? undefined : { stream, up_to_seq, count }
  })
}

async function removeUnchained(ctx: Ctx): Promise<Expired | undefined> {
  if (!(await tryLockXact(ctx.db, RETENTION_LOCK))) return undefined
  const count = await remove(ctx, auditChainCrud.isUnchainedOlderThan(ctx.config.AUDIT_RETENTION_DAYS))
  return count === 0 ? undefined : { stream: null, up_to_seq: null, count }
}

async function remove(ctx: Ctx, where: Parameters<typeof removeNoted>[1]): Promise<number> {
  const removed = await removeNoted(ctx, where, 'retention')
  if (removed.removed_count > 0) await logTombstoneService.record(ctx, 'opera', 'retention', removed)
  return removed.removed_count
}
