import * as auditChainCrud from '#backend/app/admin/crud/audit-chain.crud'
import type { Removed } from '#backend/app/admin/model/log-tombstone.model'
import type { LogRemoval } from '#backend/common/enums'
import { type Removal, removalMac } from '#backend/core/audit/mac'
import type { Ctx } from '#backend/core/ctx'

type Which = Parameters<typeof auditChainCrud.removeWhere>[1]

/** Removes records with notes of it in the name of the actor; which ones are the caller's to say, with the scope in it. */
export async function removeNoted(ctx: Ctx, where: Which, reason: LogRemoval): Promise<Removed> {
  const note = { reason, username: ctx.actor.username, trace_id: ctx.trace_id }
  return auditChainCrud.removeWhere(ctx.db, where, note, (removal) => removalMac(ctx.audit_key, removal))
}

/** The notes of a stream that only a holder of the key can have written. */
export async function listNoted(ctx: Ctx, stream: string): Promise<Removal[]> {
  const notes = await auditChainCrud.listRemovals(ctx.db, stream)
  return notes.filter((note) => note.mac === removalMac(ctx.audit_key, note))
}
