import { randomInt } from 'node:crypto'
import { createAdministrator, hasUser, seedDevelopment, seedMenus } from '#backend/app/admin/seed/seed'
import * as passwordService from '#backend/app/admin/service/password.service'
import type { Ctx } from '#backend/core/ctx'
import { type Host, systemCtx } from '#backend/core/host'
import { installBuiltIns } from '#backend/core/plugin/built-in-install'
import { settingsOf } from '#backend/core/settings'
import { ADMIN_USERNAME, SAMPLE_PASSWORD } from '#backend/scripts/accounts'
import { explain, Mistake } from '#backend/scripts/explain'

export interface Seeded {
  menus: number
  accounts: 'none' | 'samples' | 'administrator'
  /** Set when a password was made up: to be shown once, and kept nowhere. */
  generated_password?: string
}

/**
 * Menus that are missing, somebody who can sign in where there is nobody, and the plugins that ship with the product.
 * Repeating it changes nothing.
 */
export async function seedDatabase(host: Host): Promise<Seeded> {
  const seeded = await seedAccounts(host)
  await installBuiltIns(host)
  return seeded
}

async function seedAccounts(host: Host): Promise<Seeded> {
  const ctx = systemCtx(host)
  const menus = await seedMenus(ctx.db)
  if (await hasUser(ctx.db)) return { menus, accounts: 'none' }
  if (host.config.DEV_SAMPLE_ACCOUNTS) {
    const password_hash = await passwordService.hash(ctx, SAMPLE_PASSWORD)
    return { menus, accounts: (await seedDevelopment(ctx.db, { password_hash })) ? 'samples' : 'none' }
  }
  return { menus, ...(await seedAdministrator(ctx)) }
}

async function seedAdministrator(ctx: Ctx): Promise<Pick<Seeded, 'accounts' | 'generated_password'>> {
  const given = ctx.config.ADMIN_PASSWORD
  const plain = given ?? randomPassword((await settingsOf(ctx)).USER_PASSWORD_MAX_LENGTH)
  try {
    await passwordService.assertAcceptable(ctx, plain)
  } catch (error) {
    throw given === undefined ? error : new Mistake(`ADMIN_PASSWORD: ${explain(error)}`)
  }
  const password_hash = await passwordService.hash(ctx, plain)
  const made = await createAdministrator(ctx.db, { username: ADMIN_USERNAME, password_hash })
  // Of two processes that start at once the other one made it, and shows its password.
  if (made === undefined) return { accounts: 'none' }
  return { accounts: 'administrator', ...(given === undefined ? { generated_password: plain } : {}) }
}

const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789'
const SPECIALS = '!#%+-=@'

/** Some 110 bits, without letters that look alike; shorter where the policy allows no more. */
function randomPassword(length_max: number): string {
  const pick = (from: string) => from.charAt(randomInt(from.length))
  const length = Math.min(20, length_max)
  const special_at = randomInt(1, Math.max(2, length - 1))
  return Array.from({ length }, (_, index) => pick(index === special_at ? SPECIALS : LETTERS)).join('')
}
