import { randomBytes } from 'node:crypto'
import { user } from '#backend/app/admin/model/user.model'
import type { Answer, TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

export const PASSWORD = 'Correct-horse-1'

let networks = 0
/** Each call from another network, so that limits and locks of one test do not touch the next. */
export function elsewhere(): string {
  networks += 1
  return `172.16.${networks % 256}.${Math.floor(networks / 256) + 1}`
}

export const asBearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

export function refreshCookie(answer: Answer): { value: string; header: string } {
  const header = [answer.headers['set-cookie']].flat().find((one) => String(one).startsWith('fba_refresh_token='))
  const value = /^fba_refresh_token=([^;]*)/.exec(String(header))?.[1] ?? ''
  return { value, header: String(header) }
}

/** What somebody does at the sign-in form of an application that is made only later. */
export function signInForm(app: () => TestApp) {
  return {
    account: async (fields: Partial<typeof user.$inferInsert> = {}): Promise<{ id: number; username: string }> => {
      const username = `login_${randomBytes(5).toString('hex')}`
      const password = await hashPassword(PASSWORD, { cost: 4 })
      const [row] = await app()
        .db.insert(user)
        .values({ username, nickname: username, password, is_multi_login: true, ...fields })
        .returning()
      return { id: row?.id ?? 0, username }
    },
    login: (username: string, password: string, remoteAddress = elsewhere(), more: object = {}) =>
      app().anonymous.post('/auth/login', { username, password, ...more }, { remoteAddress }),
    refresh: (value: string) =>
      app().anonymous.post('/auth/refresh', undefined, { headers: { cookie: `fba_refresh_token=${value}` } }),
  }
}
