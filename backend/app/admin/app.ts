import { authApi, docsLoginApi } from '#backend/app/admin/api/v1/auth/auth.api'
import { logTombstoneApi } from '#backend/app/admin/api/v1/log/log-tombstone.api'
import { loginLogApi } from '#backend/app/admin/api/v1/log/login-log.api'
import { sessionApi } from '#backend/app/admin/api/v1/monitor/session.api'
import { dataRuleApi } from '#backend/app/admin/api/v1/sys/data-rule.api'
import { dataScopeApi } from '#backend/app/admin/api/v1/sys/data-scope.api'
import { deptApi } from '#backend/app/admin/api/v1/sys/dept.api'
import { menuApi } from '#backend/app/admin/api/v1/sys/menu.api'
import { profileApi } from '#backend/app/admin/api/v1/sys/profile.api'
import { roleApi } from '#backend/app/admin/api/v1/sys/role.api'
import { userApi } from '#backend/app/admin/api/v1/sys/user.api'
import { loadActor } from '#backend/app/admin/crud/actor.crud'
import { touch as touchSession } from '#backend/app/admin/crud/session.crud'
import { deptScoped } from '#backend/app/admin/model/dept.model'
import { loginLogScoped } from '#backend/app/admin/model/login-log.model'
import { operaLogScoped } from '#backend/app/admin/model/opera-log.model'
import { userScoped } from '#backend/app/admin/model/user.model'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import type { Config } from '#backend/core/config'

/** The resources of the administration, one line each. */
async function api(app: App, config: Config): Promise<void> {
  await app.register(authApi, { prefix: '/auth' })
  if (config.NODE_ENV !== 'production') await app.register(docsLoginApi, { prefix: '/auth' })
  await app.register(profileApi, { prefix: '/sys/users/me' })
  await app.register(userApi, { prefix: '/sys/users' })
  await app.register(deptApi, { prefix: '/sys/depts' })
  await app.register(roleApi, { prefix: '/sys/roles' })
  await app.register(menuApi, { prefix: '/sys/menus' })
  await app.register(dataScopeApi, { prefix: '/sys/data-scopes' })
  await app.register(dataRuleApi, { prefix: '/sys/data-rules' })
  await app.register(loginLogApi, { prefix: '/logs/login' })
  await app.register(logTombstoneApi, { prefix: '/logs/tombstones' })
  await app.register(sessionApi, { prefix: '/monitors/sessions' })
}

export const admin: AppModule = {
  name: 'admin',
  api,
  scoped_models: [deptScoped, userScoped, loginLogScoped, operaLogScoped],
  sessions: { loadActor, touchSession },
}
