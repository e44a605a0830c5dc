import type { z } from 'zod'
import { type Config, ConfigSchema, contradictions } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import { type Locale, ZOD_TEXTS } from '#backend/locale/translate'

/**
 * Settings that plugins may override while processes run: how people sign in, what a password must be and how e-mail is
 * sent. What decides where data lies, what is trusted and what signs tokens is the environment's alone.
 */
export const SETTING_NAMES = [
  'LOGIN_CAPTCHA_ENABLED',
  'LOGIN_CAPTCHA_EXPIRE_SECONDS',
  'USER_LOCK_THRESHOLD',
  'USER_LOCK_SECONDS',
  'USER_GUESS_THRESHOLD',
  'USER_PASSWORD_EXPIRY_DAYS',
  'USER_PASSWORD_REMINDER_DAYS',
  'USER_PASSWORD_HISTORY_CHECK_COUNT',
  'USER_PASSWORD_MIN_LENGTH',
  'USER_PASSWORD_MAX_LENGTH',
  'USER_PASSWORD_REQUIRE_SPECIAL_CHAR',
  'EMAIL_PROTOCOL',
  'EMAIL_HOST',
  'EMAIL_PORT',
  'EMAIL_USERNAME',
  'EMAIL_PASSWORD',
  'EMAIL_SSL',
] as const satisfies readonly (keyof Config)[]

export type SettingName = (typeof SETTING_NAMES)[number]
export type Settings = Readonly<Pick<Config, SettingName>>

const SECRETS: ReadonlySet<string> = new Set<SettingName>(['EMAIL_PASSWORD'])

/** Those are taken as typed, blanks at the ends included, and repeated in no fault, which is logged and answered. */
export const isSecretSetting = (name: string): boolean => SECRETS.has(name)

/** Whether a setting can be unset, so that a blank text for it is no mistake. */
export function canBeUnset(name: SettingName): boolean {
  return ConfigSchema.shape[name].parse(undefined) === undefined
}

type Texts = Readonly<Record<string, string>>

/** What is wrong with the text of a setting. */
export interface SettingFault {
  readonly name: SettingName
  readonly reason: z.core.$ZodIssue | 'blank' | 'contradiction'
}

/**
 * The settings as they are now: the configuration, overridden by the plugins in use. Read anew each time, so that a
 * change holds on every process at once; who needs several takes them from one call. A text that cannot be read is
 * ignored and logged.
 */
export async function settingsOf(ctx: Ctx): Promise<Settings> {
  const { settings, faults } = readSettings(ctx.config, await overridesOf(ctx))
  for (const fault of faults)
    ctx.log.warn({ setting: fault.name, reason: faultText(fault, 'en-US') }, 'a setting that overrides is ignored')
  return settings
}

/** What the plugins in use say instead of the configuration, as text; also of settings that are a plugin's own. */
export async function overridesOf(ctx: Ctx): Promise<Texts> {
  const texts: Record<string, string> = {}
  for (const read of ctx.overrides) Object.assign(texts, await read(ctx))
  return texts
}

/** The settings that texts make of a configuration; those with a fault stay what they were. */
export function readSettings(config: Config, texts: Texts): { settings: Settings; faults: SettingFault[] } {
  const faults: SettingFault[] = []
  const given = new Map<string, unknown>()
  for (const name of SETTING_NAMES) {
    const text = texts[name]
    if (text === undefined) continue
    const parsed = parse(name, text)
    if ('reason' in parsed) faults.push({ name, reason: parsed.reason })
    else given.set(name, parsed.value)
  }
  const merged = () => ({ ...config, ...(Object.fromEntries(given) as Partial<Settings>) })
  for (const { names } of contradictions(merged()))
    for (const name of SETTING_NAMES)
      if (names.includes(name) && given.delete(name)) faults.push({ name, reason: 'contradiction' })
  return { settings: merged(), faults }
}

function parse(name: SettingName, text: string): { value: unknown } | Pick<SettingFault, 'reason'> {
  // Coercion would read it as 0.
  if (text.trim() === '') return { reason: 'blank' }
  const isSecret = isSecretSetting(name)
  const schema = ConfigSchema.shape[name]
  const { success, data, error } = schema.safeParse(isSecret ? text : text.trim(), { reportInput: !isSecret })
  if (success) return { value: data }
  const [reason = 'blank'] = error.issues
  return { reason }
}

export function faultText({ reason }: SettingFault, locale: Locale): string {
  if (reason === 'blank' || reason === 'contradiction') return FAULT_TEXTS[locale][reason]
  const text = ZOD_TEXTS[locale](reason as z.core.$ZodRawIssue)
  return (typeof text === 'string' ? text : text?.message) ?? reason.message
}

const FAULT_TEXTS: Readonly<Record<Locale, Readonly<Record<'blank' | 'contradiction', string>>>> = {
  'zh-CN': { blank: '不能为空', contradiction: '与其他设置矛盾' },
  'en-US': { blank: 'is blank', contradiction: 'contradicts another setting' },
}
