import * as auditChainCrud from '#backend/app/admin/crud/audit-chain.crud'
import * as auditStoreCrud from '#backend/app/admin/crud/audit-store.crud'
import { removeNoted } from '#backend/app/admin/service/audit-removal.service'
import { verifyStream } from '#backend/app/admin/service/audit-verify.service'
import * as logTombstoneService from '#backend/app/admin/service/log-tombstone.service'
import type { Expired } from '#backend/core/audit/sink'
import { type Ctx, withTx } from '#backend/core/ctx'
import { tryLockXact } from '#backend/database/locks'

const RETENTION_LOCK = 'sys_opera_log:retention'

/**
 * Removes the records that are older than AUDIT_RETENTION_DAYS: of each stream the beginning, whole and verified. What
 * cannot be verified stays, and is reported. Of several processes one does it.
 */
export async function removeExpired(ctx: Ctx): Promise<Expired[]> {
  const removed: Expired[] = []
  for (const { stream } of await auditChainCrud.listHeads(ctx.db)) {
    const expired = await removeBeginning(ctx, stream)
    if (expired !== undefined) removed.push(expired)
  }
  const unchained = await withTx(ctx, removeUnchained)
  return unchained === undefined ? removed : [...removed, unchained]
}

/**
 * On the rows as they are at one moment: what the API deletes meanwhile is no fault, and what anybody alters meanwhile is
 * not removed, for then the transaction fails.
 */
async function removeBeginning(ctx: Ctx, stream: string): Promise<Expired | undefined> {
  try {
    return await withTx(ctx, (ctx) => removeVerified(ctx, stream), { isolationLevel: 'repeatable read' })
  } catch (error) {
    ctx.log.warn({ err: error, stream }, 'operation log: old records could not be removed now')
    return undefined
  }
}

async function removeVerified(ctx: Ctx, stream: string): Promise<Expired | undefined> {
  if (!(await tryLockXact(ctx.db, RETENTION_LOCK))) return undefined
  const head = await auditStoreCrud.findHead(ctx.db, stream)
  const up_to_seq = await auditChainCrud.findExpired(ctx.db, stream, ctx.config.AUDIT_RETENTION_DAYS)
  if (head === undefined || up_to_seq === undefined) return undefined
  const { fault } = await verifyStream(ctx, head, up_to_seq)
  if (fault !== undefined && fault.seq <= up_to_seq) {
    ctx.log.error({ ...fault }, 'operation log: records that cannot be verified are not removed')
    return undefined
  }
  const count = await remove(ctx, auditChainCrud.isUpTo(stream, up_to_seq))
  return count === 0 ? undefined : { stream, up_to_seq, count }
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
