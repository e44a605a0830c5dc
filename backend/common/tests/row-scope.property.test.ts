import { asc } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dept, deptScoped } from '#backend/app/admin/model/dept.model'
import { user, userScoped } from '#backend/app/admin/model/user.model'
import { scopeOf } from '#backend/common/row-scope'
import {
  type ActorPlan,
  anActor,
  aRule,
  aScope,
  aWorld,
  type ModelName,
  type World,
} from '#backend/common/tests/row-scope.arbitrary'
import { type PlannedRule, visibleIds } from '#backend/common/tests/row-scope.oracle'
import { type Actor, ANONYMOUS } from '#backend/core/actor'
import { type Database, type Db, inTransaction, openDatabase } from '#backend/database/db'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'
import { TEST_TIME_ZONE } from '#backend/tests/test-server'

const DEFAULT_RUNS = 300
const DEFAULT_TIMEOUT_MS = 60_000
const runs = Number(process.env.FBA_PROPERTY_RUNS ?? DEFAULT_RUNS)
const timeout_ms = (DEFAULT_TIMEOUT_MS * Math.max(runs, DEFAULT_RUNS)) / DEFAULT_RUNS
/** fast-check prints seed and path of a failure; FBA_PROPERTY_SEED runs that seed again. */
const seed = process.env.FBA_PROPERTY_SEED
const settings = { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) }

let clone: TestDatabase
let database: Database

beforeAll(async () => {
  clone = await createTestDatabase()
  database = openDatabase({ url: clone.url, time_zone: TEST_TIME_ZONE, pool_size: 1 })
})
afterAll(async () => {
  await database.close()
  await clone.drop()
})

type Ids = Record<ModelName, number[]>

function toActor({ user_id, dept, is_superuser, is_filtered, scopes }: ActorPlan): Actor {
  return {
    ...ANONYMOUS,
    kind: 'user',
    user_id,
    dept_id: dept?.id ?? null,
    dept_tree: dept?.tree ?? [],
    is_superuser,
    is_filtered,
    scopes: scopes.map((rules, id) => ({ id, rules: rules.map(({ stored }) => stored) })),
  }
}

async function selected(db: Db, actor: Actor): Promise<Ids> {
  const depts = db.select({ id: dept.id }).from(dept).where(scopeOf(actor, deptScoped).where).orderBy(asc(dept.id))
  const users = db.select({ id: user.id }).from(user).where(scopeOf(actor, userScoped).where).orderBy(asc(user.id))
  return { Dept: (await depts).map(({ id }) => id), User: (await users).map(({ id }) => id) }
}

const expected = (world: World, plan: ActorPlan): Ids => ({
  Dept: visibleIds('Dept', world.depts, plan),
  User: visibleIds('User', world.users, plan),
})

/** Makes the tables hold exactly this world, in one commit, and asks what each of the actors sees of it. */
async function look(db: Db, { depts, users }: World, ...actors: Actor[]): Promise<Ids[]> {
  return inTransaction(db, async (tx) => {
    await tx.delete(user)
    await tx.delete(dept)
    if (depts.length > 0) await tx.insert(dept).values(depts)
    if (users.length > 0) await tx.insert(user).values(users)
    const seen: Ids[] = []
    for (const actor of actors) seen.push(await selected(tx, actor))
    return seen
  })
}

const withScopes = (plan: ActorPlan, scopes: PlannedRule[][]): ActorPlan => ({ ...plan, scopes })

test(
  'the rows that the database gives are those of the definition',
  async () => {
    const seen_of = { none: 0, some: 0, all: 0 }
    const property = fc.asyncProperty(aWorld, anActor, async (world, plan) => {
      const [seen] = await look(database.db, world, toActor(plan))
      expect(seen).toEqual(expected(world, plan))
      const count = seen?.User.length ?? 0
      seen_of[count === 0 ? 'none' : count === world.users.length ? 'all' : 'some'] += 1
    })
    await fc.assert(property, settings)
    // A generator that only made rules matching nothing would prove nothing.
    expect(Math.min(...Object.values(seen_of))).toBeGreaterThan(runs / 50)
  },
  timeout_ms,
)

test(
  'one scope more never hides a row',
  async () => {
    const property = fc.asyncProperty(aWorld, anActor, aScope, async (world, plan, scope) => {
      const more = withScopes(plan, [...plan.scopes, scope])
      const [before, after] = await look(database.db, world, toActor(plan), toActor(more))
      expect(after?.Dept).toEqual(expect.arrayContaining(before?.Dept ?? []))
      expect(after?.User).toEqual(expect.arrayContaining(before?.User ?? []))
    })
    await fc.assert(property, settings)
  },
  timeout_ms,
)

test(
  'a rule for another model changes nothing of this one',
  async () => {
    const property = fc.asyncProperty(aWorld, anActor, aRule('User'), async (world, plan, rule) => {
      const more = withScopes(
        plan,
        plan.scopes.map((rules) => [...rules, rule]),
      )
      const [before, after] = await look(database.db, world, toActor(plan), toActor(more))
      expect(after?.Dept).toEqual(before?.Dept)
    })
    await fc.assert(property, settings)
  },
  timeout_ms,
)

test(
  'without a rule for the model there is no row, and nobody sees none',
  async () => {
    const property = fc.asyncProperty(aWorld, anActor, async (world, plan) => {
      const foreign = plan.scopes.map((rules) => rules.filter(({ stored }) => stored.model === 'User'))
      const filtered = { ...withScopes(plan, foreign), is_filtered: true, is_superuser: false }
      const [seen, nobody] = await look(database.db, world, toActor(filtered), ANONYMOUS)
      expect(seen?.Dept).toEqual([])
      expect(nobody).toEqual({ Dept: [], User: [] })
    })
    await fc.assert(property, settings)
  },
  timeout_ms,
)
