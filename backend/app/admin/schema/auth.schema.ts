import { z } from 'zod'
import { UserInfo } from '#backend/app/admin/schema/user.schema'
import { DateTime, nullable, secret, text } from '#backend/common/schema'

export const Captcha = z
  .object({
    is_enabled: z.boolean().describe('Whether signing in needs a captcha'),
    expire_seconds: z.int().describe('Life of this captcha'),
    uuid: z.string().describe('Id to send back with the text'),
    image: z.string().describe('PNG, base64 without a data: prefix'),
  })
  .describe('A captcha')

/** Longer than any password may be; bounds the work, not the policy. */
const PASSWORD_LENGTH_MAX = 256

export const Credentials = z.object({
  username: text(64).describe('User name'),
  password: secret(text(PASSWORD_LENGTH_MAX)).describe('Password'),
})
export type Credentials = z.output<typeof Credentials>

export const Login = Credentials.extend({
  uuid: nullable(text(64)).describe('Id of the captcha'),
  captcha: nullable(text(16)).describe('Text of the captcha, in any case'),
})
export type Login = z.output<typeof Login>

export const AccessToken = z
  .object({
    access_token: z.string().describe('Bearer token'),
    access_token_expire_time: DateTime,
    session_uuid: z.string().describe('Id of the session'),
  })
  .describe('An access token; the refresh token is only in the cookie')

export const LoginToken = AccessToken.extend({
  password_expire_days_remaining: z.int().nullable().describe('Set when the password is about to expire'),
  user: UserInfo,
}).describe('A new session')

export const SwaggerToken = z
  .object({ access_token: z.string(), token_type: z.string(), user: UserInfo })
  .describe('An access token in the shape that OAuth 2 clients read')
