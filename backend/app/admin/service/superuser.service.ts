import * as userCrud from '#backend/app/admin/crud/user.crud'
import { Conflict, Forbidden } from '#backend/common/errors'
import type { Ctx } from '#backend/core/ctx'
import { lockXact } from '#backend/database/locks'

/**
 * Called inside a transaction after a change that may have cost a superuser: throws when none is left who is enabled
 * and whose department is. Such changes wait for each other here, or two at once could remove the last two.
 */
export async function assertOneRemains(ctx: Ctx): Promise<void> {
  await lockXact(ctx.db, 'superuser')
  if (!(await userCrud.hasUsableSuperuser(ctx.db))) throw new Conflict('user.last_superuser')
}

/** Only superusers act on superusers: everybody else could take their account over. */
export function assertMayTouch(ctx: Ctx, target: { is_superuser: boolean }): void {
  if (target.is_superuser && !ctx.actor.is_superuser) throw new Forbidden('user.superuser_protected')
}
