import type { ActorPlan, DeptRow, UserRow, World } from '#backend/common/tests/row-scope.arbitrary'
import { type Row, visibleIds } from '#backend/common/tests/row-scope.oracle'

/** What somebody asks for. An id that is not there is that of a row to be made. */
export type Change =
  | { of: 'Dept'; id: number; to: Omit<DeptRow, 'id'> | null }
  | { of: 'User'; id: number; to: Omit<UserRow, 'id'> | null }

/** The world after the change, or undefined where it is refused: nobody writes a row that they do not see before and after. */
export function worldAfter(world: World, plan: ActorPlan, change: Change): World | undefined {
  const actor = standing(world, plan)
  if (change.of === 'Dept') {
    const { depts } = world
    const before = depts.find(({ id }) => id === change.id)
    if (!sees('Dept', depts, actor, before)) return undefined
    if (change.to === null)
      return isInUse(world, change.id) ? undefined : { ...world, depts: without(depts, change.id) }
    const row = { ...change.to, id: change.id }
    if (depts.some(({ id, name }) => id !== row.id && name === row.name)) return undefined
    if (!mayHang(world, actor, row, before)) return undefined
    const after = { ...world, depts: [...without(depts, row.id), row] }
    return sees('Dept', after.depts, standing(after, plan), row) ? after : undefined
  }
  const { users } = world
  const before = users.find(({ id }) => id === change.id)
  if (!sees('User', users, actor, before)) return undefined
  if (before?.is_superuser === true && !actor.is_superuser) return undefined
  if (change.to === null)
    return change.id === actor.user_id ? undefined : { ...world, users: without(users, change.id) }
  const row = { ...change.to, id: change.id }
  if (!mayMove(world, actor, row, before)) return undefined
  const after = { ...world, users: [...without(users, row.id), row] }
  return sees('User', after.users, actor, row) ? after : undefined
}

/** The actor with the department tree that there is. */
export function standing({ depts }: World, plan: ActorPlan): ActorPlan {
  if (plan.dept === null) return plan
  const { id } = plan.dept
  const tree = depts.some((one) => one.id === id) ? [...below(depts, id)] : []
  return { ...plan, dept: { id, tree } }
}

/** The department itself and all below it, also where somebody closed a circle. */
function below(depts: readonly DeptRow[], top: number): Set<number> {
  const found = new Set([top])
  for (const above of found) for (const { id, parent_id } of depts) if (parent_id === above) found.add(id)
  return found
}

/** True also for a row that is yet to be made. */
function sees(model: 'Dept' | 'User', rows: readonly Row[], actor: ActorPlan, row: Row | undefined): boolean {
  return row === undefined || visibleIds(model, rows, actor).includes(row.id)
}

const without = <T extends { id: number }>(rows: readonly T[], gone: number) => rows.filter(({ id }) => id !== gone)

const isInUse = ({ depts, users }: World, id: number) =>
  depts.some(({ parent_id }) => parent_id === id) || users.some(({ dept_id }) => dept_id === id)

function isThereAndSeen({ depts }: World, actor: ActorPlan, id: number): boolean {
  return visibleIds('Dept', depts, actor).includes(id)
}

function mayHang(world: World, actor: ActorPlan, row: DeptRow, before: DeptRow | undefined): boolean {
  const { parent_id } = row
  if (parent_id === null || parent_id === before?.parent_id) return true
  if (before !== undefined && below(world.depts, row.id).has(parent_id)) return false
  return isThereAndSeen(world, actor, parent_id)
}

function mayMove(world: World, actor: ActorPlan, row: UserRow, before: UserRow | undefined): boolean {
  if (before !== undefined && row.dept_id === before.dept_id) return true
  if (before?.id === actor.user_id && actor.is_filtered) return false
  return row.dept_id === null || isThereAndSeen(world, actor, row.dept_id)
}
