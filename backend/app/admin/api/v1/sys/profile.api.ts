import {
  ChangePassword,
  CurrentUser,
  UpdateAvatar,
  UpdateEmail,
  UpdateNickname,
} from '#backend/app/admin/schema/user.schema'
import * as profileService from '#backend/app/admin/service/profile.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import type { App } from '#backend/core/app'

const tags = ['Profile']
const config = { access: 'signed-in' } as const

/** What everybody may see and change of themselves. */
export async function profileApi(app: App): Promise<void> {
  app.get(
    '',
    { config, schema: { summary: 'The signed-in user', tags, response: { 200: envelope(CurrentUser) } } },
    async ({ ctx }) => ok(await profileService.get(ctx)),
  )

  app.put(
    '/nickname',
    { config, schema: { summary: 'Change the own nickname', tags, body: UpdateNickname, response: { 200: Done } } },
    async ({ ctx, body }) => {
      await profileService.updateNickname(ctx, body.nickname)
      return ok()
    },
  )

  app.put(
    '/avatar',
    { config, schema: { summary: 'Change the own picture', tags, body: UpdateAvatar, response: { 200: Done } } },
    async ({ ctx, body }) => {
      await profileService.updateAvatar(ctx, body.avatar)
      return ok()
    },
  )

  app.put(
    '/email',
    { config, schema: { summary: 'Change the own e-mail address', tags, body: UpdateEmail, response: { 200: Done } } },
    async ({ ctx, body }) => {
      await profileService.updateEmail(ctx, body)
      return ok()
    },
  )

  app.put(
    '/password',
    { config, schema: { summary: 'Change the own password', tags, body: ChangePassword, response: { 200: Done } } },
    async ({ ctx, body }) => {
      await profileService.changePassword(ctx, body)
      return ok()
    },
  )
}
