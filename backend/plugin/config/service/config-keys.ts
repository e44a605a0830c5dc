import { canBeUnset, isSecretSetting, SETTING_NAMES } from '#backend/core/settings'

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
  { names: beginning('EMAIL_'), switches: ['EMAIL_STATUS', 'EMAIL_CONFIG_STATUS'] },
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
  return isSecretSetting(key) || (SECRET_NAME.test(key) && !KNOWN_KEYS.includes(key))
}

/** Texts without those that are blank because their setting is unset: nothing is wrong with these. */
export function withoutUnset(values: Readonly<Record<string, string>>): Record<string, string> {
  const unset = new Set<string>(SETTING_NAMES.filter(canBeUnset))
  return Object.fromEntries(Object.entries(values).filter(([key, value]) => value.trim() !== '' || !unset.has(key)))
}

/** Whether a value is one that its key can have, as far as the product's own settings do not say it. */
export function fits(key: string, value: string): boolean {
  return !SWITCHES.includes(key) || value === '0' || value === '1'
}
