import { z } from 'zod'
import { DeptDetail } from '#backend/app/admin/schema/dept.schema'
import { RoleWithRelations } from '#backend/app/admin/schema/role.schema'
import { USER_SWITCHES } from '#backend/common/enums'
import { PageQuery } from '#backend/common/paging'
import { DateTime, Email, Id, name, nullable, Phone, Status, secret, text } from '#backend/common/schema'

/** Far above any policy: bounds the work, so that a password of the wrong length is told what is wrong with it. */
const PASSWORD_INPUT_MAX = 1024
const AVATAR_MAX = 256
const CAPTCHA_INPUT_MAX = 64
const ROLES_MAX = 1000

/** Characters that nobody sees: two names could look the same. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

const Username = name(64)
  .refine((value) => value === value.trim() && !INVISIBLE.test(value), { error: 'validation.username' })
  .describe('Name to sign in with, unique')
const Nickname = name(64).describe('Name to show')
const AvatarUrl = z
  .url({ protocol: /^https?$/ })
  .max(AVATAR_MAX)
  .refine((value) => !/[\s\p{Cc}]/u.test(value), { error: 'validation.nul' })
  .describe('http or https URL of the picture')
const Roles = z
  .array(Id)
  .max(ROLES_MAX)
  .overwrite((ids) => [...new Set(ids)])
  .describe('Ids of the roles')
const password = (description: string) => secret(text(PASSWORD_INPUT_MAX).describe(description))

export const UserQuery = PageQuery.extend({
  dept: Id.optional().describe('Id of the department'),
  username: text(64).optional().describe('Part of the user name'),
  phone: text(11).optional().describe('Start of the phone number'),
  status: Status.optional(),
})
export type UserQuery = z.output<typeof UserQuery>

const contact = {
  email: nullable(Email).describe('E-mail address, unique'),
  phone: nullable(Phone).describe('Mobile number'),
}

export const CreateUser = z.object({
  username: Username,
  password: password('Password'),
  nickname: nullable(Nickname).describe('Name to show; the user name when there is none'),
  ...contact,
  dept_id: Id.describe('Id of the department'),
  roles: Roles,
})
export type CreateUser = z.output<typeof CreateUser>

export const UpdateUser = z.object({
  username: Username,
  nickname: Nickname,
  avatar: nullable(AvatarUrl).describe('http or https URL of the picture'),
  ...contact,
  dept_id: nullable(Id).describe('Id of the department'),
  roles: Roles,
})
export type UpdateUser = z.output<typeof UpdateUser>

export const ResetPassword = z.object({ password: password('The new password') })

export const SwitchQuery = z.object({ type: z.enum(USER_SWITCHES).describe('What to switch on or off') })

export const UpdateAvatar = z.object({ avatar: AvatarUrl })
export const UpdateNickname = z.object({ nickname: Nickname })
export const UpdateEmail = z.object({
  captcha: secret(text(CAPTCHA_INPUT_MAX).describe('The code that was sent to the new address')),
  email: Email.describe('The new address'),
})
export type UpdateEmail = z.output<typeof UpdateEmail>

export const ChangePassword = z.object({
  old_password: password('The password used so far'),
  new_password: password('The new password'),
  confirm_password: password('The new password once more'),
})
export type ChangePassword = z.output<typeof ChangePassword>

/** What may be shown of a user; never the password. */
export const UserInfo = z
  .object({
    id: z.int(),
    uuid: z.string(),
    username: z.string(),
    nickname: z.string(),
    avatar: z.string().nullable(),
    email: z.string().nullable(),
    phone: z.string().nullable(),
    status: z.int(),
    is_superuser: z.boolean(),
    is_staff: z.boolean(),
    is_multi_login: z.boolean(),
    join_time: DateTime,
    last_login_time: DateTime.nullable(),
    dept_id: z.int().nullable(),
  })
  .describe('A user')

export const UserDetail = UserInfo.extend({
  dept: DeptDetail.nullable(),
  roles: z.array(RoleWithRelations),
}).describe('A user with department and roles')

export const CurrentUser = UserInfo.extend({
  dept: z.string().nullable().describe('Name of the department'),
  roles: z.array(z.string()).describe('Names of the enabled roles'),
}).describe('The signed-in user')
