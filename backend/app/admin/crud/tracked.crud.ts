import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { dept } from '#backend/app/admin/model/dept.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { type Fields, trackedLinks, trackedRows } from '#backend/database/tracked-rows'

// What the operation log shows the changes of. It reads what the request itself may change, whatever its scope.

export const users = trackedRows(user, user.id)
export const userRoles = trackedLinks(userRole, userRole.user_id, userRole.role_id)
export const depts = trackedRows(dept, dept.id)
export const menus = trackedRows(menu, menu.id)
export const roles = trackedRows(role, role.id)
export const roleMenus = trackedLinks(roleMenu, roleMenu.role_id, roleMenu.menu_id)
export const roleDataScopes = trackedLinks(roleDataScope, roleDataScope.role_id, roleDataScope.data_scope_id)
export const dataScopes = trackedRows(dataScope, dataScope.id)
export const dataScopeRules = trackedLinks(dataScopeRule, dataScopeRule.data_scope_id, dataScopeRule.data_rule_id)
export const dataRules = trackedRows(dataRule, dataRule.id)
// The same links from their other end: who loses what is deleted.
export const roleUsers = trackedLinks(userRole, userRole.role_id, userRole.user_id)
export const menuRoles = trackedLinks(roleMenu, roleMenu.menu_id, roleMenu.role_id)
export const dataScopeRoles = trackedLinks(roleDataScope, roleDataScope.data_scope_id, roleDataScope.role_id)
export const dataRuleScopes = trackedLinks(dataScopeRule, dataScopeRule.data_rule_id, dataScopeRule.data_scope_id)
export const sessions = trackedRows(session, session.session_uuid, {
  conceal: ({ user_id, ended_time, ended_reason }: Fields) => ({ user_id, ended_time, ended_reason }),
})
