import { asc, eq } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as deptCrud from '#backend/app/admin/crud/dept.crud'
import * as userCrud from '#backend/app/admin/crud/user.crud'
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
import { arrange, runs, settings, timeout_ms, toActor } from '#backend/common/tests/row-scope.world'
import { type Actor, ANONYMOUS } from '#backend/core/actor'
import { type Database, type Db, inTransaction, openDatabase } from '#backend/database/db'
import { createTestDatabase, type TestDatabase } from '#backend/tests/test-database'
import { TEST_TIME_ZONE } from '#backend/tests/test-server'

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
async function look(db: Db, world: World, ...actors: Actor[]): Promise<Ids[]> {
  return inTransaction(db, async (tx) => {
    await arrange(tx, world)
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

/** Which rows each of two writes gets through to, of all there are; the first changes nothing that a rule could read. */
async function written(db: Db, world: World, actor: Actor): Promise<{ updated: Ids; removed: Ids }> {
  const [depts, users] = [scopeOf(actor, deptScoped), scopeOf(actor, userScoped)]
  const ids = (rows: ({ id: number } | undefined)[]) =>
    rows.flatMap((row) => (row === undefined ? [] : [row.id])).sort()
  return inTransaction(db, async (tx) => {
    await arrange(tx, world)
    const updated = { Dept: [] as ({ id: number } | undefined)[], User: [] as ({ id: number } | undefined)[] }
    for (const { id, sort } of world.depts) updated.Dept.push(await deptCrud.update(tx, depts, id, { sort: sort ?? 0 }))
    for (const { id, nickname } of world.users) updated.User.push(await userCrud.update(tx, users, id, { nickname }))
    for (const { id } of world.depts) await deptCrud.remove(tx, depts, id)
    for (const { id } of world.users) await userCrud.remove(tx, users, id)
    const left = new Set((await tx.select({ id: user.id }).from(user)).map(({ id }) => id))
    return {
      updated: { Dept: ids(updated.Dept), User: ids(updated.User) },
      removed: {
        Dept: ids(await tx.select({ id: dept.id }).from(dept).where(eq(dept.del_flag, true))),
        User: ids(world.users.filter(({ id }) => !left.has(id))),
      },
    }
  })
}

test(
  'the rows that can be changed and deleted are those of the definition too',
  async () => {
    const property = fc.asyncProperty(aWorld, anActor, async (world, plan) => {
      const { updated, removed } = await written(database.db, world, toActor(plan))
      expect(updated).toEqual(expected(world, plan))
      expect(removed).toEqual(expected(world, plan))
    })
    await fc.assert(property, settings)
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
