import { deptApi } from '#backend/app/admin/api/v1/sys/dept.api'
import { loadActor } from '#backend/app/admin/crud/actor.crud'
import { deptScoped } from '#backend/app/admin/model/dept.model'
import { userScoped } from '#backend/app/admin/model/user.model'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'

/** The resources of the administration, one line each. */
async function api(app: App): Promise<void> {
  await app.register(deptApi, { prefix: '/sys/depts' })
}

export const admin: AppModule = { name: 'admin', api, scoped_models: [deptScoped, userScoped], loadActor }
