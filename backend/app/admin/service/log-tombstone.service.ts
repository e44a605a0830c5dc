import * as logTombstoneCrud from '#backend/app/admin/crud/log-tombstone.crud'
import type { LogTombstone, Removed } from '#backend/app/admin/model/log-tombstone.model'
import type { LogTombstoneQuery } from '#backend/app/admin/schema/log-tombstone.schema'
import { LOG_KINDS, type LogKind, type LogRemoval } from '#backend/common/enums'
import { Forbidden } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { holds } from '#backend/core/actor'
import type { Ctx } from '#backend/core/ctx'

/** Whoever may read a log may read what was removed from it. */
export const READ_CODES = { login: 'log:login:get', opera: 'log:opera:get' } as const satisfies Record<LogKind, string>

export async function list(ctx: Ctx, { log, page, size }: LogTombstoneQuery): Promise<Rows<LogTombstone>> {
  const readable = LOG_KINDS.filter((kind) => holds(ctx.actor, READ_CODES[kind], 'GET'))
  if (log !== undefined && !readable.includes(log)) throw new Forbidden('error.forbidden')
  return logTombstoneCrud.list(ctx.db, log === undefined ? readable : [log], { page, size })
}

/** To be called inside the transaction that removes: no row of a log goes without this trace, which nothing removes. */
export async function record(ctx: Ctx, log: LogKind, action: LogRemoval, removed: Removed): Promise<void> {
  if (!ctx.in_transaction) throw new Error('a removal and its record need one transaction')
  const { actor, client, trace_id } = ctx
  await logTombstoneCrud.insert(ctx.db, {
    ...removed,
    log,
    action,
    user_id: actor.user_id,
    username: actor.username,
    ip: client.ip,
    trace_id,
  })
}
