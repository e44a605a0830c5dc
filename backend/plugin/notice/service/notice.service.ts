import { NotFound } from '#backend/common/errors'
import type { Rows } from '#backend/common/paging'
import { assertSeen, scopeOf } from '#backend/common/row-scope'
import { changing, created } from '#backend/core/changes'
import { type Ctx, withTx } from '#backend/core/ctx'
import * as noticeCrud from '#backend/plugin/notice/crud/notice.crud'
import { type Notice, noticeScoped } from '#backend/plugin/notice/model/notice.model'
import type { CreateNotice, NoticeQuery, UpdateNotice } from '#backend/plugin/notice/schema/notice.schema'

export async function list(ctx: Ctx, query: NoticeQuery): Promise<Rows<Notice>> {
  return noticeCrud.list(ctx.db, scopeOf(ctx.actor, noticeScoped), query, query)
}

export async function get(ctx: Ctx, id: number): Promise<Notice> {
  const row = await noticeCrud.findById(ctx.db, scopeOf(ctx.actor, noticeScoped), id)
  if (row === undefined) throw new NotFound('notice.not_found')
  return row
}

export async function create(ctx: Ctx, fields: CreateNotice): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const row = await noticeCrud.insert(ctx.db, fields)
    if (row === undefined) throw new Error('the notice was not inserted')
    await assertStillSeen(ctx, row.id)
    await created(ctx, [noticeCrud.tracked], row)
  })
}

export async function update(ctx: Ctx, id: number, fields: UpdateNotice): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const row = await changing(ctx, [[noticeCrud.tracked, [id]]], () =>
      noticeCrud.update(ctx.db, scopeOf(ctx.actor, noticeScoped), id, fields),
    )
    if (row === undefined) throw new NotFound('notice.not_found')
    await assertStillSeen(ctx, id)
  })
}

/** All of them or, when one is missing or not to be seen, none. */
export async function remove(ctx: Ctx, ids: readonly number[]): Promise<void> {
  await withTx(ctx, async (ctx) => {
    const removed = await changing(ctx, [[noticeCrud.tracked, ids]], () =>
      noticeCrud.remove(ctx.db, scopeOf(ctx.actor, noticeScoped), ids),
    )
    if (removed.length < ids.length) throw new NotFound('notice.not_found')
  })
}

/** Nobody writes a row that they do not see. */
async function assertStillSeen(ctx: Ctx, id: number): Promise<void> {
  assertSeen(await noticeCrud.findById(ctx.db, scopeOf(ctx.actor, noticeScoped), id))
}
