import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { findUser, makeDept, unique } from '#backend/app/admin/tests/user.fixture'
import { type Answer, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const livingSessions = async (user_id: number) =>
  (await t.db.select().from(session).where(eq(session.user_id, user_id))).filter((one) => one.ended_time === null)
const endReasons = async (user_id: number) =>
  (await t.db.select().from(session).where(eq(session.user_id, user_id))).map((one) => one.ended_reason)

describe('switching', () => {
  const toggle = (person: SignedIn, type: string) => root.put(`/sys/users/${person.user_id}/permissions?type=${type}`)

  test('turns exactly the one switch of the one user, and back', async () => {
    const person = await t.signIn()
    const before = await findUser(t.db, person.user_id)
    const own = await findUser(t.db, root.user_id)
    for (const [type, field, on, off] of [
      ['superuser', 'is_superuser', true, false],
      ['staff', 'is_staff', false, true],
      ['multi_login', 'is_multi_login', false, true],
      ['status', 'status', 0, 1],
    ] as const)
      for (const value of [on, off]) {
        expect((await toggle(person, type)).body).toEqual({ code: 200, msg: '请求成功', data: null })
        const { updated_time: _, ...row } = { ...(await findUser(t.db, person.user_id)) }
        expect(row).toEqual({ ...before, updated_time: undefined, [field]: value })
      }
    expect(await findUser(t.db, root.user_id)).toEqual(own)
  })

  test('takes effect at the next request', async () => {
    const person = await t.signIn('sys:dept:add')
    const create = () => person.post('/sys/depts', { name: unique('dept'), status: 1 })
    expect((await create()).status).toBe(200)
    await toggle(person, 'staff')
    expect((await create()).status).toBe(403)
    await toggle(person, 'superuser')
    expect((await create()).status).toBe(200)
    await toggle(person, 'superuser')
    expect((await create()).status).toBe(403)
    await toggle(person, 'status')
    expect((await create()).status).toBe(401)
    await toggle(person, 'status')
    expect((await create()).status).toBe(401)
    expect(await endReasons(person.user_id)).toEqual(['disabled'])
  })

  test('without several sessions the one used last stays', async () => {
    const first = await t.signIn()
    const second = await t.signInUser(first.user_id)
    await toggle(first, 'multi_login')
    expect((await first.get('/sys/users/me')).status).toBe(401)
    expect((await second.get('/sys/users/me')).status).toBe(200)
    expect((await livingSessions(first.user_id)).map((one) => one.session_uuid)).toEqual([second.session_uuid])
  })

  test('nobody switches themselves; an unknown switch or user is refused', async () => {
    for (const type of ['superuser', 'staff', 'status', 'multi_login'])
      expect((await toggle(root, type)).body).toMatchObject({ code: 403, msg: '不能修改自己的权限' })
    const person = await t.signIn()
    expect((await toggle(person, 'root')).body.data.errors).toEqual([
      {
        type: 'enum',
        loc: ['query', 'type'],
        msg: expect.any(String),
        input: 'root',
        ctx: { expected: "'superuser', 'staff', 'status' or 'multi_login'" },
      },
    ])
    expect((await root.put(`/sys/users/${person.user_id}/permissions`)).body.data.errors).toMatchObject([
      { type: 'missing', loc: ['query', 'type'] },
    ])
    expect((await root.put('/sys/users/999999/permissions?type=staff')).status).toBe(404)
  })

  test('is for superusers alone', async () => {
    const person = await t.signIn('sys:user:edit', 'sys:user:add', 'sys:user:del')
    const path = `/sys/users/${root.user_id}/permissions?type=staff`
    expect((await person.put(path)).status).toBe(403)
    expect((await t.anonymous.put(path)).status).toBe(401)
  })

  test('two switches at once both count', async () => {
    const person = await t.signIn()
    let pending: Promise<Answer>[] = []
    await t.db.transaction(async (tx) => {
      await tx.select().from(user).where(eq(user.id, person.user_id)).for('update')
      pending = [toggle(person, 'staff'), toggle(person, 'staff')]
      await expect.poll(waiting).toBe(2)
    })
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual([200, 200])
    expect((await findUser(t.db, person.user_id))?.is_staff).toBe(true)
  })

  /** How many connections wait for somebody else's lock. */
  async function waiting(): Promise<number> {
    const rows = await t.db.execute(sql`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
    return rows.length
  }
})

describe('the last superuser', () => {
  /** Leaves these as the only superusers. */
  async function onlySuperusers(...people: SignedIn[]): Promise<void> {
    await t.db.update(user).set({ is_superuser: false })
    for (const { user_id } of people)
      await t.db.update(user).set({ is_superuser: true, status: 1, dept_id: null }).where(eq(user.id, user_id))
    t.host.actors.clear()
  }
  const count = async () => (await t.db.select().from(user).where(eq(user.is_superuser, true))).length

  test('two superusers who delete each other at once leave one', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await t.signInSuperuser(), await t.signInSuperuser()]
      await onlySuperusers(a, b)
      const answers = await Promise.all([a.delete(`/sys/users/${b.user_id}`), b.delete(`/sys/users/${a.user_id}`)])
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(await count()).toBe(1)
    }
  })

  test('two superusers who demote or disable each other at once leave one who can sign in', async () => {
    for (const type of ['superuser', 'status']) {
      const [a, b] = [await t.signInSuperuser(), await t.signInSuperuser()]
      await onlySuperusers(a, b)
      const answers = await Promise.all([
        a.put(`/sys/users/${b.user_id}/permissions?type=${type}`),
        b.put(`/sys/users/${a.user_id}/permissions?type=${type}`),
      ])
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      const left = (await t.db.select().from(user).where(eq(user.is_superuser, true))).filter((one) => one.status === 1)
      expect(left).toHaveLength(1)
    }
  })

  test('does not move into a disabled department', async () => {
    const last = await t.signInSuperuser()
    await onlySuperusers(last)
    const closed = await makeDept(t.db, { status: 0 })
    const path = `/sys/users/${last.user_id}`
    const fields = (dept_id: number) => ({
      username: last.username,
      nickname: last.username,
      roles: [last.role_id],
      dept_id,
    })
    expect((await last.put(path, fields(closed))).body).toMatchObject({
      code: 409,
      msg: '必须保留至少一个可用的超级管理员',
    })
    expect((await last.put(path, fields(await makeDept(t.db)))).status).toBe(200)
  })
})
