import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { findUser, makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import type { ActorRule } from '#backend/core/actor'
import { type Answer, createTestApp, type TestApp } from '#backend/tests/harness'

// What a request was allowed before it waited for a row is asked again once it has it.

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())
const rule = (fields: Partial<ActorRule> = {}): ActorRule => ({
  model: '__ALL__',
  column: '__dept_id__',
  operator: 0,
  expression: 6,
  value: '${dept_tree}',
  ...fields,
})
async function withoutRoles(dept_id: number): Promise<number> {
  const username = unique('target')
  const [row] = await t.db.insert(user).values({ username, nickname: username, dept_id }).returning()
  return row?.id ?? 0
}

/** Until a request waits for a row that the test holds. */
const untilWaiting = () =>
  expect
    .poll(
      () =>
        t.db.execute(sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
      { timeout: 10_000 },
    )
    .toHaveLength(1)

test('a password is not reset of somebody who was moved out of sight meanwhile', async () => {
  const d = await makeDept(t.db)
  const other = await makeDept(t.db)
  const target = await withoutRoles(d)
  const editor = await t.signInAs({ permissions: ['sys:user:password:reset'], dept_id: d, rules: [rule()] })
  let answer: Promise<Answer> | undefined
  await t.db.transaction(async (tx) => {
    await tx.update(user).set({ dept_id: other }).where(eq(user.id, target))
    answer = editor.put(`/sys/users/${target}/password`, { password: 'Abc-12345' })
    await untilWaiting()
  })
  expect((await answer)?.status).toBe(404)
  expect((await findUser(t.db, target))?.password).toBeNull()
})
test('nor of somebody who was given more meanwhile', async () => {
  const d = await makeDept(t.db)
  const strong = await makeRole(t.db, ['sys:role:edit'])
  const target = await withoutRoles(d)
  const editor = await t.signInAs({ permissions: ['sys:user:password:reset'], dept_id: d, rules: [rule()] })
  let answer: Promise<Answer> | undefined
  await t.db.transaction(async (tx) => {
    await tx.select().from(user).where(eq(user.id, target)).for('update')
    answer = editor.put(`/sys/users/${target}/password`, { password: 'Abc-12345' })
    await untilWaiting()
    await tx.insert(userRole).values({ user_id: target, role_id: strong })
  })
  expect((await answer)?.status).toBe(403)
})
test('nobody is put into a department that was moved out of sight meanwhile', async () => {
  const d = await makeDept(t.db)
  const below = await makeDept(t.db, { parent_id: d })
  const maker = await t.signInAs({ permissions: ['sys:user:add'], dept_id: d, rules: [rule()] })
  let answer: Promise<Answer> | undefined
  await t.db.transaction(async (tx) => {
    await tx.update(dept).set({ parent_id: null }).where(eq(dept.id, below))
    answer = maker.post('/sys/users', { username: unique('m'), password: 'Abc-12345', dept_id: below, roles: [] })
    await untilWaiting()
  })
  expect((await answer)?.status).toBe(403)
})
test('no session is ended of somebody who was moved out of sight meanwhile', async () => {
  const d = await makeDept(t.db)
  const other = await makeDept(t.db)
  const target = await t.signInAs({ dept_id: d, rules: [] })
  const editor = await t.signInAs({ permissions: ['monitor:session:del'], dept_id: d, rules: [rule()] })
  let answer: Promise<Answer> | undefined
  await t.db.transaction(async (tx) => {
    await tx.update(user).set({ dept_id: other }).where(eq(user.id, target.user_id))
    await tx.execute(sql`select * from sys_session where session_uuid = ${target.session_uuid} for update`)
    answer = editor.delete(`/monitors/sessions/${target.user_id}?session_uuid=${target.session_uuid}`)
    await untilWaiting()
  })
  expect((await answer)?.status).toBe(404)
})
