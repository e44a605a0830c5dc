import { SETTING_NAMES } from '#backend/core/settings'

/** Keys of e-mail that override, and those of its form. */
const EMAIL_NAMES = ['EMAIL_PROTOCOL', 'EMAIL_HOST', 'EMAIL_PORT', 'EMAIL_USERNAME', 'EMAIL_PASSWORD', 'EMAIL_SSL']

interface Group {
  readonly names: readonly string[]
  /** All that there are must be on, or the group overrides nothing. */
  readonly switches: readonly string[]
}

const beginning = (prefix: string) => SETTING_NAMES.filter((name) => name.startsWith(prefix))

export const GROUPS: readonly Group[] = [
  { names: beginning('USER_'), switches: ['USER_SECURITY_CONFIG_STATUS'] },
  { names: beginning('LOGIN_'), switches: ['LOGIN_CONFIG_STATUS'] },
  // The page of the front end knows the switch by the first name, the Python original by the second.
  { names: EMAIL_NAMES, switches: ['EMAIL_STATUS', 'EMAIL_CONFIG_STATUS'] },
]

const SWITCHES = GROUPS.flatMap(({ switches }) => switches)
export const KNOWN_KEYS: readonly string[] = [...GROUPS.flatMap(({ names }) => names), ...SWITCHES]

/** The other names of a switch: what one of them says, all of them say. */
export function twinsOf(key: string): string[] {
  const group = GROUPS.find(({ switches }) => switches.includes(key))
  return group === undefined ? [] : group.switches.filter((other) => other !== key)
}

/** What the groups that are switched on override. A blank value overrides nothing. */
export function overridesIn(values: Readonly<Record<string, string>>): Record<string, string> {
  const isOn = ({ switches }: Group) => {
    const given = switches.flatMap((key) => values[key] ?? [])
    return given.length > 0 && given.every((value) => value.trim() === '1')
  }
  const entries = GROUPS.filter(isOn)
    .flatMap(({ names }) => names)
    .map((name): [string, string] => [name, values[name] ?? ''])
  return Object.fromEntries(entries.filter(([, value]) => value.trim() !== ''))
}

/** What stands for a secret wherever it would be shown. */
export const MASK = '********'
const SECRET_NAME = /passw|secret|token|credential|(api|access|private)[-_]?key/i

/** Whether the value of a key is shown to nobody; of keys that nobody knows the name decides. */
export function isSecret(key: string): boolean {
  return key === 'EMAIL_PASSWORD' || (SECRET_NAME.test(key) && !KNOWN_KEYS.includes(key))
}

const isPort = (value: string) => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535
const isHost = (value: string) => value === '' || /^[\w.:-]{1,253}$/.test(value)
const CHECKS: Readonly<Record<string, (value: string) => boolean>> = {
  ...Object.fromEntries(SWITCHES.map((key) => [key, (value: string) => value === '0' || value === '1'])),
  EMAIL_HOST: isHost,
  EMAIL_PORT: isPort,
  EMAIL_SSL: (value) => value === 'true' || value === 'false',
}

/** Whether a value is one that its key can have, as far as the product's own settings do not say it. */
export function fits(key: string, value: string): boolean {
  return CHECKS[key]?.(value) ?? true
}
