import { dept } from '#backend/app/admin/model/dept.model'
import { user } from '#backend/app/admin/model/user.model'
import type { ActorPlan, World } from '#backend/common/tests/row-scope.arbitrary'
import { type Actor, ANONYMOUS } from '#backend/core/actor'
import type { Db } from '#backend/database/db'

const DEFAULT_RUNS = 300
const DEFAULT_TIMEOUT_MS = 60_000
export const runs = Number(process.env.FBA_PROPERTY_RUNS ?? DEFAULT_RUNS)
export const timeout_ms = (DEFAULT_TIMEOUT_MS * Math.max(runs, DEFAULT_RUNS)) / DEFAULT_RUNS
/** fast-check prints seed and path of a failure; FBA_PROPERTY_SEED runs that seed again. */
const seed = process.env.FBA_PROPERTY_SEED
export const settings = { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) }

export function toActor({ user_id, dept, is_superuser, is_filtered, scopes }: ActorPlan): Actor {
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

/** Makes the tables hold exactly this world. */
export async function arrange(tx: Db, { depts, users }: World): Promise<void> {
  await tx.delete(user)
  await tx.delete(dept)
  if (depts.length > 0) await tx.insert(dept).values(depts)
  if (users.length > 0) await tx.insert(user).values(users)
}
