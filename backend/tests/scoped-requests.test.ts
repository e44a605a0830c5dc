import { afterAll, beforeAll, expect, test } from 'vitest'
import { dept } from '#backend/app/admin/model/dept.model'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { user } from '#backend/app/admin/model/user.model'
import type { ActorRule } from '#backend/core/actor'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { countReads } from '#backend/tests/queries'

let t: TestApp
beforeAll(async () => {
  // Queries are counted below: those that store the operation log come at any time.
  t = await createTestApp({ AUDIT_ENABLED: 'false' })
})
afterAll(() => t.close())

const PERMISSIONS = ['sys:user:get', 'sys:user:edit', 'sys:dept:get', 'log:login:get', 'monitor:session:get']
const PEOPLE = 100
const ROUNDS = 3

const rule = (fields: Partial<ActorRule>): ActorRule => ({
  model: '__ALL__',
  column: '__dept_id__',
  operator: 0,
  expression: 0,
  value: '${dept_id}',
  ...fields,
})

interface Member {
  caller: SignedIn
  /** What they may see, and nothing else. */
  user_ids: number[]
  dept_ids: number[]
}

/** Somebody in a department of their own with a colleague, who sees it by one of several kinds of rule. */
async function member(index: number): Promise<Member> {
  const [own] = await t.db
    .insert(dept)
    .values({ name: `Crowd ${index}` })
    .returning()
  const dept_id = own?.id ?? 0
  const [below] = await t.db
    .insert(dept)
    .values({ name: `Crowd ${index} below`, parent_id: dept_id })
    .returning()
  const name = `crowd_${index}`
  const [colleague] = await t.db.insert(user).values({ username: name, nickname: name, dept_id }).returning()
  const [colleague_id, below_id] = [colleague?.id ?? 0, below?.id ?? 0]
  const kinds: [ActorRule, (own_id: number) => Omit<Member, 'caller'>][] = [
    [rule({}), (own_id) => ({ user_ids: [own_id, colleague_id], dept_ids: [dept_id] })],
    [
      rule({ expression: 6, value: '${dept_tree}' }),
      (own_id) => ({ user_ids: [own_id, colleague_id], dept_ids: [dept_id, below_id] }),
    ],
    [rule({ model: 'User', column: 'username', value: name }), () => ({ user_ids: [colleague_id], dept_ids: [] })],
    [rule({ column: '__created_by__', value: '${user_id}' }), (own_id) => ({ user_ids: [own_id], dept_ids: [] })],
    [rule({ model: 'Dept', value: String(dept_id) }), () => ({ user_ids: [], dept_ids: [dept_id] })],
  ]
  const kind = kinds[index % kinds.length]
  if (kind === undefined) throw new Error('no kind')
  const caller = await t.signInAs({ permissions: PERMISSIONS, dept_id, rules: [kind[0]] })
  return { caller, ...kind[1](caller.user_id) }
}

const idsOf = (rows: { id: number; children?: unknown }[]): number[] =>
  rows.flatMap(({ id, children }) => [id, ...idsOf((children ?? []) as { id: number }[])]).sort((a, b) => a - b)

/** Asks for all and for each, of one's own and of somebody else's; what is not as it should be. */
async function crossed({ caller, user_ids, dept_ids }: Member, other: Member): Promise<string[]> {
  const wrong: string[] = []
  const check = (what: string, found: unknown, wanted: unknown) => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      wrong.push(`${caller.username} ${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }
  const each = async (path: string, ids: number[], status: number) => {
    for (const id of ids) check(`${path}/${id}`, (await caller.get(`${path}/${id}`)).status, status)
  }
  const sorted = user_ids.toSorted((a, b) => a - b)
  await Promise.all([
    caller.get('/sys/users?size=200').then(({ body }) => {
      check('/sys/users', idsOf(body.data.items), sorted)
      check('total of /sys/users', body.data.total, sorted.length)
    }),
    caller.get('/sys/depts').then(({ body }) => check('/sys/depts', idsOf(body.data), dept_ids)),
    each('/sys/users', user_ids, 200),
    each('/sys/depts', dept_ids, 200),
    each('/sys/users', other.user_ids, 404),
    each('/sys/depts', other.dept_ids, 404),
  ])
  return wrong
}

test(`${PEOPLE} people with different rules at once on one pool: nobody gets a row of another’s`, async () => {
  const members: Member[] = []
  for (let index = 0; index < PEOPLE; index += 1) members.push(await member(index))
  const found: string[][] = []
  for (let round = 1; round <= ROUNDS; round += 1)
    found.push(
      ...(await Promise.all(members.map((one, index) => crossed(one, members[(index + round) % PEOPLE] ?? one)))),
    )
  expect(found.flat()).toEqual([])
}, 120_000)

test('a request of somebody whose rows are filtered costs no query more than of anybody else', async () => {
  const [own] = await t.db.insert(dept).values({ name: 'Counted' }).returning()
  const dept_id = own?.id ?? 0
  const entry = { user_uuid: '', username: 'counted', status: 1, ip: '192.0.2.1', msg: 'x', login_time: '2024-01-01' }
  await t.db.insert(loginLog).values(entry)
  const rules = [
    rule({ expression: 6, value: '${dept_tree}' }),
    rule({ model: 'LoginLog', column: 'username', value: 'counted' }),
  ]
  const filtered = await t.signInAs({ permissions: PERMISSIONS, dept_id, rules })
  const unfiltered = await t.signInAs({ permissions: PERMISSIONS, dept_id })
  const count = async (caller: SignedIn, path: string) => {
    await caller.get(path)
    const { answer, queries } = await countReads(t, () => caller.get(path))
    expect({ path, status: answer.status }).toEqual({ path, status: 200 })
    return queries
  }
  const own_user = `/sys/users/${filtered.user_id}`
  const lists = ['/sys/users', '/sys/depts', '/logs/login', '/monitors/sessions']
  for (const path of [...lists, own_user, `${own_user}/roles`, `/sys/depts/${dept_id}`]) {
    const expected = await count(unfiltered, path)
    expect(expected, path).toBeGreaterThan(0)
    expect(await count(filtered, path), path).toBe(expected)
  }
})
