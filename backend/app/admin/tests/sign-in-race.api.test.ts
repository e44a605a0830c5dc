import { and, eq, isNull, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { asBearer, PASSWORD, signInForm } from '#backend/app/admin/tests/sign-in.fixture'
import { makeDept } from '#backend/app/admin/tests/user.fixture'
import type { Db } from '#backend/database/db'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { until } from '#backend/tests/process/spawned'

let t: TestApp
let root: SignedIn
beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const { account, login } = signInForm(() => t)

/** How many queries of this database wait for a lock that another transaction holds. */
async function waiting(): Promise<number> {
  const rows = await t.db.execute(sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
  return rows.length
}

/** Does `change` so that it is not committed before `count` sign-ins have compared the password and wait for it. */
async function whileSigningIn(count: number, username: string, change: (db: Db) => Promise<unknown>) {
  const { answers } = await t.db.transaction(async (tx) => {
    await tx.select().from(user).where(eq(user.username, username)).for('update')
    await change(tx)
    const answers = Promise.all(Array.from({ length: count }, () => login(username, PASSWORD)))
    await until(async () => (await waiting()) === count)
    return { answers }
  })
  return answers
}

const living = (user_id: number) =>
  t.db
    .select()
    .from(session)
    .where(and(eq(session.user_id, user_id), isNull(session.ended_time)))

describe('a sign-in that was under way', () => {
  test.each<[string, (db: Db, id: number) => Promise<unknown>]>([
    ['another password', (db, id) => db.update(user).set({ password: 'another' }).where(eq(user.id, id))],
    ['disabled', (db, id) => db.update(user).set({ status: 0 }).where(eq(user.id, id))],
    ['deleted', (db, id) => db.delete(user).where(eq(user.id, id))],
  ])('opens no session once the user is changed: %s', async (_, change) => {
    const { id, username } = await account()
    const [answer] = await whileSigningIn(1, username, (db) => change(db, id))
    expect(answer?.status).toBe(400)
    expect(answer?.body).toMatchObject({ msg: '用户名或密码有误' })
    expect(await living(id)).toEqual([])
    const logged = await t.db.select().from(loginLog).where(eq(loginLog.username, username))
    expect(logged).toMatchObject([{ status: 0 }])
  })

  test('opens no session once the department is disabled', async () => {
    const dept_id = await makeDept(t.db)
    const { id, username } = await account({ dept_id })
    const [answer] = await whileSigningIn(1, username, (db) =>
      db.update(dept).set({ status: 0 }).where(eq(dept.id, dept_id)),
    )
    expect(answer?.status).toBe(400)
    expect(await living(id)).toEqual([])
  })

  test('ends the other one where a user may hold one session', async () => {
    const { id, username } = await account({ is_multi_login: false })
    const answers = await whileSigningIn(2, username, async () => undefined)
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(await living(id)).toHaveLength(1)
    const codes = await Promise.all(
      answers.map(({ body }) => t.anonymous.get('/auth/codes', asBearer(body.data.access_token))),
    )
    expect(codes.map(({ status }) => status).sort()).toEqual([200, 401])
  })

  test('goes by the switch to one session that came before it', async () => {
    const { id, username } = await account()
    expect((await login(username, PASSWORD)).status).toBe(200)
    await whileSigningIn(1, username, (db) => db.update(user).set({ is_multi_login: false }).where(eq(user.id, id)))
    expect(await living(id)).toHaveLength(1)
  })
})

test('who is moved into a disabled department loses their sessions for good', async () => {
  const [enabled, disabled] = [await makeDept(t.db), await makeDept(t.db, { status: 0 })]
  const person = await t.signInAs({ dept_id: enabled })
  const move = (dept_id: number) =>
    root.put(`/sys/users/${person.user_id}`, {
      username: person.username,
      nickname: person.username,
      dept_id,
      roles: [person.role_id],
    })
  expect((await move(disabled)).status).toBe(200)
  expect((await person.get('/auth/codes')).status).toBe(401)
  expect((await move(enabled)).status).toBe(200)
  expect((await person.get('/auth/codes')).status).toBe(401)
  const rows = await t.db.select().from(session).where(eq(session.session_uuid, person.session_uuid))
  expect(rows).toMatchObject([{ ended_reason: 'disabled' }])
})
