import type { Config } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import type { SettingName } from '#backend/core/settings'
import * as configCrud from '#backend/plugin/config/crud/config.crud'

const OFF = '0'

interface Row {
  type: string
  key: string
  name: string
  value: string
}

const SECURITY_NAMES: Partial<Record<SettingName, string>> = {
  USER_LOCK_THRESHOLD: '密码错误锁定阈值',
  USER_LOCK_SECONDS: '密码错误锁定时长（秒）',
  USER_PASSWORD_EXPIRY_DAYS: '密码有效期（天）',
  USER_PASSWORD_REMINDER_DAYS: '密码到期提醒（天）',
  USER_PASSWORD_HISTORY_CHECK_COUNT: '密码历史检查次数',
  USER_PASSWORD_MIN_LENGTH: '密码最小长度',
  USER_PASSWORD_MAX_LENGTH: '密码最大长度',
  USER_PASSWORD_REQUIRE_SPECIAL_CHAR: '密码必须包含特殊字符',
}

/** Groups start switched off, with what the environment says: switching one on changes nothing by itself. */
function rowsOf(config: Config): Row[] {
  const fromConfig = (type: string, names: Partial<Record<SettingName, string>>) =>
    Object.entries(names).map(([key, name]) => ({ type, key, name, value: String(config[key as SettingName]) }))
  const email = (key: string, name: string, value: string) => ({ type: 'EMAIL', key, name, value })
  return [
    { type: 'USER_SECURITY', key: 'USER_SECURITY_CONFIG_STATUS', name: '状态', value: OFF },
    ...fromConfig('USER_SECURITY', SECURITY_NAMES),
    { type: 'LOGIN', key: 'LOGIN_CONFIG_STATUS', name: '状态', value: OFF },
    ...fromConfig('LOGIN', { LOGIN_CAPTCHA_ENABLED: '验证码开关' }),
    email('EMAIL_CONFIG_STATUS', '状态', OFF),
    email('EMAIL_HOST', '服务器地址', 'smtp.example.com'),
    email('EMAIL_PORT', '服务器端口', '465'),
    email('EMAIL_USERNAME', '邮箱账号', 'noreply@example.com'),
    email('EMAIL_PASSWORD', '邮箱密码', ''),
    email('EMAIL_SSL', 'SSL 加密', 'true'),
  ]
}

/** Inserts the rows that are missing, recognised by their keys; the others stay as an administrator left them. */
export async function seed(ctx: Ctx): Promise<void> {
  for (const row of rowsOf(ctx.config)) await configCrud.insertIfNew(ctx.db, { ...row, is_frontend: false })
  const { EMAIL_CONFIG_STATUS: value = OFF } = await configCrud.valuesOf(ctx.db, ['EMAIL_CONFIG_STATUS'])
  // The switch by the name that the front end's page knows it by, which the Python original's database lacks.
  await configCrud.insertIfNew(ctx.db, { type: 'EMAIL', key: 'EMAIL_STATUS', name: '状态', value, is_frontend: false })
}
