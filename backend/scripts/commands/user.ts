import * as userCrud from '#backend/app/admin/crud/user.crud'
import { userScoped } from '#backend/app/admin/model/user.model'
import { createAdministrator } from '#backend/app/admin/seed/seed'
import * as passwordService from '#backend/app/admin/service/password.service'
import { scopeOf } from '#backend/common/row-scope'
import { systemCtx } from '#backend/core/host'
import { ADMIN_USERNAME } from '#backend/scripts/accounts'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'
import { askPassword } from '#backend/scripts/terminal'

/** Makes one more superuser. */
export async function createAdmin(options: { username?: string; password?: string }): Promise<void> {
  const username = options.username ?? ADMIN_USERNAME
  await withHost(async (host) => {
    const ctx = systemCtx(host)
    const plain = options.password ?? (await askPassword(`Password of ${username}`, '--password'))
    await passwordService.assertAcceptable(ctx, plain)
    const password_hash = await passwordService.hash(ctx, plain)
    const made = await createAdministrator(ctx.db, { username, password_hash })
    if (made === undefined)
      throw new Mistake(`There is a user ${username} already; \`user reset-password\` changes a password.`)
    console.log(`administrator ${username} made`)
  })
}

/** Sets a password under the same policy as everywhere, and ends the user's sessions. */
export async function resetPassword(username: string, options: { password?: string }): Promise<void> {
  await withHost(async (host) => {
    const ctx = systemCtx(host)
    const user = await userCrud.findByUsername(ctx.db, scopeOf(ctx.actor, userScoped), username)
    if (user === undefined) throw new Mistake(`There is no user ${username}.`)
    const plain = options.password ?? (await askPassword(`New password of ${username}`, '--password'))
    await passwordService.replace(ctx, user, plain)
    console.log(`password of ${username} changed, their sessions ended`)
  })
}
