import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { session } from '#backend/app/admin/model/session.model'
import { userPasswordHistory } from '#backend/app/admin/model/user-password-history.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { findUser } from '#backend/app/admin/tests/user.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { verifyPassword } from '#backend/utils/password-hash'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const endReasons = async (user_id: number) =>
  (await t.db.select().from(session).where(eq(session.user_id, user_id))).map((one) => one.ended_reason)

describe('deleting a user', () => {
  test('whom another table refers to by a foreign key is refused, and says why', async () => {
    const { user_id } = await t.signIn()
    await t.db.execute(sql`create table keeps_user (user_id bigint references sys_user (id))`)
    try {
      await t.db.execute(sql`insert into keeps_user values (${user_id})`)
      for (const [language, text] of [
        ['zh-CN', '仍有其他数据引用该数据'],
        ['en-US', 'Other data still refers to it'],
      ] as const) {
        const headers = { 'accept-language': language }
        const answer = await root.delete(`/sys/users/${user_id}`, undefined, { headers })
        expect(answer.body).toMatchObject({ code: 409, msg: expect.stringContaining(text) })
      }
      expect(await findUser(t.db, user_id)).toBeDefined()
    } finally {
      await t.db.execute(sql`drop table keeps_user`)
    }
  })

  test('takes their roles, password history and sessions along', async () => {
    const person = await t.signIn()
    await t.db.insert(userPasswordHistory).values({ user_id: person.user_id, password: 'x' })
    expect((await root.delete(`/sys/users/${person.user_id}`)).body).toEqual({
      code: 200,
      msg: '请求成功',
      data: null,
    })
    expect((await person.get('/sys/users/me')).status).toBe(401)
    expect(await findUser(t.db, person.user_id)).toBeUndefined()
    expect(await t.db.select().from(userRole).where(eq(userRole.user_id, person.user_id))).toEqual([])
    expect(
      await t.db.select().from(userPasswordHistory).where(eq(userPasswordHistory.user_id, person.user_id)),
    ).toEqual([])
    expect(await endReasons(person.user_id)).toEqual(['deleted'])
    expect((await root.delete(`/sys/users/${person.user_id}`)).status).toBe(404)
  })

  test('nobody deletes themselves', async () => {
    const person = await t.signIn('sys:user:del')
    expect((await person.delete(`/sys/users/${person.user_id}`)).body).toMatchObject({
      code: 403,
      msg: '不能删除自己',
    })
  })

  test('each change needs its own code, and staff', async () => {
    const target = await t.signIn()
    const path = `/sys/users/${target.user_id}`
    const codes = { add: 'sys:user:add', edit: 'sys:user:edit', del: 'sys:user:del', reset: 'sys:user:password:reset' }
    const calls: Record<
      keyof typeof codes,
      (person: Pick<SignedIn, 'post' | 'put' | 'delete'>) => ReturnType<SignedIn['post']>
    > = {
      add: (person) => person.post('/sys/users', {}),
      edit: (person) => person.put(path, {}),
      reset: (person) => person.put(`${path}/password`, {}),
      del: (person) => person.delete(path),
    }
    for (const key of ['add', 'edit', 'reset', 'del'] as const) {
      const others = Object.values(codes).filter((code) => code !== codes[key])
      expect((await calls[key](t.anonymous)).status).toBe(401)
      expect((await calls[key](await t.signIn('sys:user:get', ...others))).status).toBe(403)
      const notStaff = await t.signInAs({ permissions: [codes[key]], is_staff: false })
      expect((await calls[key](notStaff)).status).toBe(403)
      expect((await calls[key](await t.signIn(codes[key]))).status).toBe(key === 'del' ? 200 : 422)
    }
  })
})

describe('resetting a password', () => {
  test('sets it, ends the sessions of the user, and answers without it', async () => {
    const person = await t.signIn()
    const answer = await root.put(`/sys/users/${person.user_id}/password`, { password: 'Fresh-12345' })
    expect(answer.body).toEqual({ code: 200, msg: '请求成功', data: null })
    expect(await verifyPassword('Fresh-12345', (await findUser(t.db, person.user_id))?.password)).toBe(true)
    expect((await person.get('/sys/users/me')).status).toBe(401)
    expect(await endReasons(person.user_id)).toEqual(['password'])
  })

  test("of one's own keeps the session that asks and ends the others", async () => {
    const person = await t.signIn('sys:user:password:reset')
    const other = await t.signInUser(person.user_id)
    expect((await person.put(`/sys/users/${person.user_id}/password`, { password: 'Fresh-12345' })).status).toBe(200)
    expect((await person.get('/sys/users/me')).status).toBe(200)
    expect((await other.get('/sys/users/me')).status).toBe(401)
  })

  test('one against the policy is 400, a missing user 404, a missing password 422', async () => {
    const person = await t.signIn()
    expect((await root.put(`/sys/users/${person.user_id}/password`, { password: '1' })).body).toMatchObject({
      code: 400,
      data: null,
    })
    expect((await root.put('/sys/users/999999/password', { password: 'Fresh-12345' })).status).toBe(404)
    expect((await root.put(`/sys/users/${person.user_id}/password`, {})).status).toBe(422)
    expect((await person.get('/sys/users/me')).status).toBe(200)
  })
})
