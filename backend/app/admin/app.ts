import { authApi, docsLoginApi } from '#backend/app/admin/api/v1/auth/auth.api'
import { logTombstoneApi } from '#backend/app/admin/api/v1/log/log-tombstone.api'
import { loginLogApi } from '#backend/app/admin/api/v1/log/login-log.api'
import { sessionApi } from '#backend/app/admin/api/v1/monitor/session.api'
import { dataRuleApi } from '#backend/app/admin/api/v1/sys/data-rule.api'
import { dataScopeApi } from '#backend/app/admin/api/v1/sys/data-scope.api'
import { deptApi } from '#backend/app/admin/api/v1/sys/dept.api'
import { menuApi } from '#backend/app/admin/api/v1/sys/menu.api'
import { pluginApi } from '#backend/app/admin/api/v1/sys/plugin.api'
import { profileApi } from '#backend/app/admin/api/v1/sys/profile.api'
import { roleApi } from '#backend/app/admin/api/v1/sys/role.api'
import { userApi } from '#backend/app/admin/api/v1/sys/user.api'
import { loadActor } from '#backend/app/admin/crud/actor.crud'
import { touch as touchSession } from '#backend/app/admin/crud/session.crud'
import { deptScoped } from '#backend/app/admin/model/dept.model'
import { loginLogScoped } from '#backend/app/admin/model/login-log.model'
import { operaLogScoped } from '#backend/app/admin/model/opera-log.model'
import { userScoped } from '#backend/app/admin/model/user.model'
import { insertMenus, menuNames, removeMenus } from '#backend/app/admin/seed/seed'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import type { Config } from '#backend/core/config'
import type { ScopedModel } from '#backend/database/scoped-model'

interface Resource {
  prefix: string
  api: (app: App) => Promise<void>
  /** The model whose rows are subject to data rules. */
  scoped?: ScopedModel
}

/** The resources of the administration, one line each. */
const RESOURCES: readonly Resource[] = [
  { prefix: '/auth', api: authApi },
  { prefix: '/sys/users/me', api: profileApi },
  { prefix: '/sys/users', api: userApi, scoped: userScoped },
  { prefix: '/sys/depts', api: deptApi, scoped: deptScoped },
  { prefix: '/sys/roles', api: roleApi },
  { prefix: '/sys/menus', api: menuApi },
  { prefix: '/sys/data-scopes', api: dataScopeApi },
  { prefix: '/sys/data-rules', api: dataRuleApi },
  { prefix: '/sys/plugins', api: pluginApi },
  { prefix: '/logs/login', api: loginLogApi, scoped: loginLogScoped },
  { prefix: '/logs/tombstones', api: logTombstoneApi },
  { prefix: '/monitors/sessions', api: sessionApi },
]

async function api(app: App, config: Config): Promise<void> {
  if (config.NODE_ENV !== 'production') await app.register(docsLoginApi, { prefix: '/auth' })
  for (const resource of RESOURCES) await app.register(resource.api, { prefix: resource.prefix })
}

export const admin: AppModule = {
  name: 'admin',
  api,
  scoped_models: [...RESOURCES.flatMap(({ scoped }) => scoped ?? []), operaLogScoped],
  sessions: { loadActor, touchSession },
  menus: { insert: insertMenus, names: menuNames, remove: removeMenus },
}
