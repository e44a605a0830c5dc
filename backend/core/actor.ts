/** Who acts: built once per session and version, then shared by every request of that session. Never mutated. */
export interface Actor {
  readonly kind: 'anonymous' | 'user' | 'system'
  readonly user_id: number
  readonly user_uuid: string
  readonly username: string
  readonly session_uuid: string
  readonly is_superuser: boolean
  /** Someone who is not staff may only read what a permission guards. */
  readonly is_staff: boolean
  readonly dept_id: number | null
  /** The own department and all below it; empty without a department. */
  readonly dept_tree: readonly number[]
  readonly role_ids: readonly number[]
  /** Codes of the enabled menus of the enabled roles. */
  readonly permissions: ReadonlySet<string>
  /** Rows of scoped models are filtered unless one of the roles lifts the filter. */
  readonly is_filtered: boolean
  /** The enabled data scopes of the enabled roles, each with its rules. */
  readonly scopes: readonly ActorScope[]
  /** Milliseconds since the epoch at which the session ends whatever happens. */
  readonly session_expires_at: number
}

export interface ActorScope {
  readonly id: number
  readonly rules: readonly ActorRule[]
}

/** A row of sys_data_rule as it applies to an actor. */
export interface ActorRule {
  readonly model: string
  readonly column: string
  readonly operator: number
  readonly expression: number
  readonly value: string
}

const NOBODY = {
  user_id: 0,
  user_uuid: '',
  session_uuid: '',
  dept_id: null,
  dept_tree: [],
  role_ids: [],
  permissions: new Set<string>(),
  scopes: [],
  session_expires_at: 0,
} as const

/** Nobody: holds nothing and sees no row. */
export const ANONYMOUS: Actor = Object.freeze({
  ...NOBODY,
  kind: 'anonymous',
  username: '',
  is_superuser: false,
  is_staff: false,
  is_filtered: true,
})

/** The product itself: seeds, command line, jobs. */
export const SYSTEM: Actor = Object.freeze({
  ...NOBODY,
  kind: 'system',
  username: 'system',
  is_superuser: true,
  is_staff: true,
  is_filtered: false,
})

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether somebody holds one of the codes for a request of this method: superusers hold all, who is not staff only reads. */
export function holds(actor: Actor, codes: string | readonly string[], method: string): boolean {
  if (actor.is_superuser) return true
  if (!actor.is_staff && !READING.has(method)) return false
  return [codes].flat().some((code) => actor.permissions.has(code))
}
