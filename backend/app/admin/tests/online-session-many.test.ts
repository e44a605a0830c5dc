import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selectPage } from '#backend/app/admin/crud/online-session.crud'
import { userScoped } from '#backend/app/admin/model/user.model'
import { everyRow } from '#backend/common/row-scope'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

describe('among a hundred thousand sessions', () => {
  const INDEX = 'ix_sys_session_last_active_time'
  const SIZE = 100

  interface Plan {
    'Index Name'?: string
    'Relation Name'?: string
    'Actual Rows': number
    'Actual Loops': number
    'Shared Hit Blocks': number
    'Shared Read Blocks': number
    Plans?: Plan[]
  }

  async function planOfFirstPage(): Promise<{ scans: Plan[]; rows: number; blocks: number }> {
    const view = { scope: everyRow(userScoped), user_id: root.user_id, idle_seconds: 0 }
    const query = selectPage(t.db, view, {}, { page: 1, size: SIZE })
    const [row] = await t.db.execute<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      sql`explain (analyze, buffers, format json) ${query.getSQL()}`,
    )
    const top = row?.['QUERY PLAN'][0]?.Plan
    if (top === undefined) throw new Error('no plan')
    const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
    const scans = nodesOf(top).filter((plan) => plan['Relation Name'] !== undefined)
    const rows = scans.reduce((sum, plan) => sum + plan['Actual Rows'] * plan['Actual Loops'], 0)
    return { scans, rows, blocks: top['Shared Hit Blocks'] + top['Shared Read Blocks'] }
  }

  async function fill(from: number, to: number): Promise<void> {
    await t.db.execute(sql`
      insert into sys_session (session_uuid, user_id, refresh_hash, ip, created_time, last_active_time, expire_time)
      select 'many-' || n, (select min(id) + n % 1000 from sys_user where username like 'many-%'), 'x', '192.0.2.1', now(),
        now() - n * interval '1 second', now() + interval '7 days'
      from generate_series(${from}::int, ${to}::int) n`)
    await t.db.execute(sql`analyze sys_session, sys_user`)
  }

  test('a page reads its own rows through the index, and no more of them than when there were a hundred in all', async () => {
    await t.db.execute(sql`delete from sys_session where session_uuid <> ${root.session_uuid}`)
    await t.db.execute(sql`
      insert into sys_user (username, nickname, uuid, status, is_superuser, is_staff, is_multi_login, join_time, created_time)
      select 'many-' || n, 'Many', gen_random_uuid(), 1, false, false, true, now(), now() from generate_series(1, 1000) n`)
    await fill(1, SIZE)
    const few = await planOfFirstPage()
    await fill(SIZE + 1, 100_000)
    const many = await planOfFirstPage()

    const read = many.scans.find((plan) => plan['Relation Name'] === 'sys_session')
    expect(read).toMatchObject({ 'Index Name': INDEX, 'Actual Rows': SIZE })
    expect(many.rows).toBeLessThanOrEqual(few.rows * 2)
    expect(many.blocks).toBeLessThanOrEqual(SIZE * 5)
    const { body } = await root.get(`/monitors/sessions?size=${SIZE}`)
    expect(body.data).toHaveLength(SIZE)
    const deep = await root.get('/monitors/sessions?page=500')
    expect(deep.body.data).toHaveLength(200)
  })
})
