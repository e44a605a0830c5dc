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

const EMAIL_NAMES: Partial<Record<SettingName, string>> = {
  EMAIL_PROTOCOL: '协议',
  EMAIL_HOST: '服务器地址',
  EMAIL_PORT: '服务器端口',
  EMAIL_USERNAME: '邮箱账号',
  EMAIL_SSL: 'SSL 加密',
}

/** Groups start switched off, with what the environment says: switching one on changes nothing by itself. */
function rowsOf(config: Config): Row[] {
  const fromConfig = (type: string, names: Partial<Record<SettingName, string>>) =>
    Object.entries(names).map(([key, name]) => ({ type, key, name, value: String(config[key as SettingName] ?? '') }))
  return [
    { type: 'USER_SECURITY', key: 'USER_SECURITY_CONFIG_STATUS', name: '状态', value: OFF },
    ...fromConfig('USER_SECURITY', SECURITY_NAMES),
    { type: 'LOGIN', key: 'LOGIN_CONFIG_STATUS', name: '状态', value: OFF },
    ...fromConfig('LOGIN', { LOGIN_CAPTCHA_ENABLED: '验证码开关' }),
    { type: 'EMAIL', key: 'EMAIL_CONFIG_STATUS', name: '状态', value: OFF },
    ...fromConfig('EMAIL', EMAIL_NAMES),
    // Blank, so that the environment's holds: a secret is not copied into a table.
    { type: 'EMAIL', key: 'EMAIL_PASSWORD', name: '邮箱密码', value: '' },
  ]
}

/** Inserts the rows that are missing, recognised by their keys; the others stay as an administrator left them. */
export async function seed(ctx: Ctx): Promise<void> {
  for (const row of rowsOf(ctx.config)) await configCrud.insertIfNew(ctx.db, { ...row, is_frontend: false })
  const { EMAIL_CONFIG_STATUS: value = OFF } = await configCrud.valuesOf(ctx.db, ['EMAIL_CONFIG_STATUS'])
  // The switch by the name that the front end's page knows it by, which the Python original's database lacks.
  await configCrud.insertIfNew(ctx.db, { type: 'EMAIL', key: 'EMAIL_STATUS', name: '状态', value, is_frontend: false })
}
