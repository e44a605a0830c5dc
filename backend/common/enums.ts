/** Enabled or not: users, roles, menus, departments, scopes. */
export const STATUS = { disabled: 0, enabled: 1 } as const
/** Kinds of menu rows. */
export const MENU_TYPE = { directory: 0, page: 1, button: 2, embedded: 3, link: 4 } as const
/** How a data rule joins the others of its scope. */
export const RULE_OPERATOR = { and: 0, or: 1 } as const
/** How a data rule compares its column with its value. */
export const RULE_EXPRESSION = { eq: 0, ne: 1, gt: 2, ge: 3, lt: 4, le: 5, in: 6, not_in: 7 } as const
/** Outcome of a sign-in in the login log. */
export const LOGIN_STATUS = { fail: 0, success: 1 } as const
/** What `PUT /sys/users/{pk}/permissions` switches. */
export const USER_SWITCHES = ['superuser', 'staff', 'status', 'multi_login'] as const
export type UserSwitch = (typeof USER_SWITCHES)[number]
/** Logs whose rows can be removed. */
export const LOG_KINDS = ['login', 'opera'] as const
export type LogKind = (typeof LOG_KINDS)[number]
/** How rows of a log were removed: some that were chosen, all, or those of a certain age. */
export const LOG_REMOVALS = ['delete', 'clear', 'retention'] as const
export type LogRemoval = (typeof LOG_REMOVALS)[number]
