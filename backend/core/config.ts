import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { unsafeInProduction } from '#backend/core/config-production'

const commaList = (fallback: string[]) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .prefault(fallback.join(','))

const count = (fallback: number, min = 0) => z.coerce.number().int().min(min).prefault(fallback)
const flag = (fallback: boolean) => z.stringbool().prefault(String(fallback))
const url = (...protocols: string[]) =>
  z.string().refine((text) => protocols.some((protocol) => text.startsWith(`${protocol}://`)) && URL.canParse(text), {
    error: `must be a ${protocols.join(' or ')}:// URL`,
  })
const timeZone = z.string().refine(isTimeZone, { error: 'must be an IANA time zone, e.g. Asia/Shanghai' })

/** Every setting the product reads, in the order of `.env.example`, which is generated from here. */
export const ConfigSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .prefault('development')
    .describe('production refuses to start with unsafe settings'),
  HOST: z.string().min(1).prefault('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(0).max(65_535).prefault(8000).describe('Port to listen on; 0 takes a free one'),
  DATA_DIR: z
    .string()
    .min(1)
    .prefault('.data')
    .describe('Folder of the embedded PostgreSQL and of generated development secrets'),
  DATABASE_URL: url('postgres', 'postgresql')
    .optional()
    .describe('PostgreSQL to use; unset: an embedded one under DATA_DIR'),
  DATABASE_POOL_SIZE: count(10, 1).describe('Connections to PostgreSQL per process'),
  DATABASE_PREPARED_STATEMENTS: flag(true).describe(
    'Prepare queries once per connection; false behind a transaction pooler that cannot carry them',
  ),
  REDIS_URL: url('redis', 'rediss')
    .optional()
    .describe('Redis to use; unset: the in-process adapter (one process only)'),
  REDIS_PREFIX: z.string().min(1).prefault('fba').describe('Prefix of every key in Redis'),
  TRUSTED_PROXIES: commaList([]).describe(
    'Addresses or CIDRs, comma separated, whose X-Forwarded-For and X-Real-IP are believed',
  ),
  CORS_ORIGINS: commaList([]).describe(
    'Origins, comma separated, that browsers may call from; empty: same origin only',
  ),
  TOKEN_SECRET_KEY: z
    .string()
    .min(1)
    .optional()
    .describe('Secret that signs the tokens, 32 characters or more; unset in development: generated into DATA_DIR'),
  TOKEN_EXPIRE_SECONDS: count(86_400, 60).describe('Life of an access token'),
  TOKEN_REFRESH_EXPIRE_SECONDS: count(604_800, 60).describe('Life of a session and of its refresh token'),
  TOKEN_REFRESH_GRACE_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .prefault(10)
    .describe('How long a refresh token just exchanged gets the same answer again; later its use ends the session'),
  SESSION_IDLE_SECONDS: count(0).describe('Time without a request after which a session ends; 0: never'),
  ADMIN_PASSWORD: z
    .string()
    .min(1)
    .optional()
    .describe('Password of the administrator made by the first start; unset: a random one is printed once'),
  DEV_SAMPLE_ACCOUNTS: flag(true).describe(
    'Outside production: make the accounts admin and test with password 123456, and listen on 127.0.0.1 only',
  ),
  LOGIN_CAPTCHA_ENABLED: flag(true).describe('Ask for a captcha at sign-in'),
  LOGIN_CAPTCHA_EXPIRE_SECONDS: count(300, 10).describe('Life of a captcha'),
  USER_LOCK_THRESHOLD: count(5).describe('Failed sign-ins from one network that lock an account there; 0: never'),
  USER_LOCK_SECONDS: count(300, 1).describe('How long such a lock lasts'),
  USER_GUESS_THRESHOLD: count(20, 1).describe(
    'Failed sign-ins from all networks together after which an account demands a captcha',
  ),
  USER_PASSWORD_EXPIRY_DAYS: count(365).describe('Age at which a password must be changed; 0: never'),
  USER_PASSWORD_REMINDER_DAYS: count(7).describe('Days before that at which sign-in reminds of it'),
  USER_PASSWORD_HISTORY_CHECK_COUNT: count(3).describe('Former passwords that may not be used again'),
  USER_PASSWORD_MIN_LENGTH: count(6, 1).describe('Shortest password'),
  USER_PASSWORD_MAX_LENGTH: count(32, 1).describe('Longest password; bcrypt reads 72 bytes'),
  USER_PASSWORD_REQUIRE_SPECIAL_CHAR: flag(false).describe('Whether a password needs a special character'),
  PASSWORD_HASH_COST: z.coerce
    .number()
    .int()
    .min(4)
    .max(15)
    .prefault(12)
    .describe('bcrypt cost; below 10 only outside production'),
  DATETIME_TIMEZONE: timeZone.prefault('Asia/Shanghai').describe('Time zone of times on the wire'),
  I18N_DEFAULT_LANGUAGE: z
    .enum(['zh-CN', 'en-US'])
    .prefault('zh-CN')
    .describe('Language when Accept-Language names none that is spoken here'),
  DOCS_ENABLED: z.stringbool().optional().describe('Serve /docs and /openapi; unset: outside production only'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .prefault('info')
    .describe('Least level logged'),
  LOG_DIR: z.string().min(1).optional().describe('Also write rotated log files into this folder'),
  AUDIT_ENABLED: flag(true).describe('Keep the operation log; false outside production only'),
  AUDIT_SPOOL_MAX_BYTES: count(1_073_741_824, 65_536).describe(
    'Operation log on disk under DATA_DIR/audit that the database has not taken yet; beyond it changes are refused',
  ),
  AUDIT_RETENTION_DAYS: count(0).describe('Age at which records of the operation log are removed; 0: never'),
  AUDIT_HASH_KEY: z
    .string()
    .min(16)
    .optional()
    .describe(
      'Key of the hashes that chain the operation log; unset: derived from TOKEN_SECRET_KEY, a change of which breaks the chains',
    ),
  EMAIL_PROTOCOL: z.enum(['smtp']).prefault('smtp').describe('How e-mail is handed over'),
  EMAIL_HOST: z
    .string()
    .regex(/^[\w.:-]{1,253}$/, { error: 'must be a host name or an address' })
    .optional()
    .describe('Mail server; unset: there is none'),
  EMAIL_PORT: z.coerce.number().int().min(1).max(65_535).prefault(465).describe('Port of the mail server'),
  EMAIL_USERNAME: z.string().min(1).max(256).optional().describe('Account at the mail server'),
  EMAIL_PASSWORD: z.string().min(1).max(1024).optional().describe('Password of that account'),
  EMAIL_SSL: flag(true).describe('Speak TLS with the mail server from the start'),
  BODY_LIMIT_BYTES: count(1_048_576, 1024).describe('Largest request body'),
  IP_LOCATION_FILE: z.string().min(1).optional().describe('ip2region xdb file; unset: the one that ships'),
  PLUGIN_INSTALL: z
    .stringbool()
    .optional()
    .describe('Let superusers install plugins while the server runs; unset: outside production only'),
  PLUGIN_INSTALL_HOSTS: commaList([]).describe(
    'Hosts, comma separated, that plugins may be fetched from by git over https; empty: none',
  ),
  PLUGIN_PUBLIC_KEYS: commaList([]).describe(
    'ed25519 public keys, comma separated, each the base64 of its DER form; given: only plugins signed by one of them are installed',
  ),
  PLUGIN_ARCHIVE_BYTES_MAX: count(5_242_880, 1024).describe('Largest archive of a plugin'),
})

export type ConfigValues = z.output<typeof ConfigSchema>
export type Config = Readonly<
  Omit<ConfigValues, 'TOKEN_SECRET_KEY' | 'DOCS_ENABLED' | 'PLUGIN_INSTALL'> & {
    TOKEN_SECRET_KEY: string | undefined
    DOCS_ENABLED: boolean
    PLUGIN_INSTALL: boolean
    /** HOST names another address, and the sample accounts forbid it. */
    HOST_IGNORED: boolean
  }
>

const LOOPBACK = '127.0.0.1'

/** The names of every wrong variable with what is wrong; never a value, which may be a secret. */
export class InvalidConfig extends Error {
  constructor(readonly problems: string[]) {
    super(`Invalid configuration:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'InvalidConfig'
  }
}

/** Reads the process environment, with a `.env` file in the working directory under it. The only reader of either. */
export function readConfig(): Config {
  try {
    process.loadEnvFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return parseConfig(process.env)
}

const FOR_TOOLS =
  /^(PATH|HOME|USERPROFILE|APPDATA|SYSTEMROOT|TMPDIR|TEMP|TMP|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO|NPM_CONFIG_.*)$/i

/** What npm and git, when this program starts them, are told of the environment: where things are, none of the settings. */
export function toolEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => FOR_TOOLS.test(name))
  return Object.fromEntries(entries.map(([name, value = '']) => [name, value]))
}

/** Parses and checks settings; an empty value counts as unset. Throws InvalidConfig naming every wrong variable. */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = ConfigSchema.safeParse(given)
  if (!parsed.success)
    throw new InvalidConfig(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  const values = parsed.data
  const problems = [
    ...contradictions(values).map(({ names, problem }) => `${names[0]}: ${problem}`),
    ...(values.NODE_ENV === 'production' ? unsafeInProduction(values, given) : []),
  ]
  if (problems.length > 0) throw new InvalidConfig(problems)
  const sampleAccounts = values.NODE_ENV !== 'production' && values.DEV_SAMPLE_ACCOUNTS
  return Object.freeze({
    ...values,
    TOKEN_SECRET_KEY: values.TOKEN_SECRET_KEY,
    DEV_SAMPLE_ACCOUNTS: sampleAccounts,
    HOST: sampleAccounts ? LOOPBACK : values.HOST,
    HOST_IGNORED: sampleAccounts && values.HOST !== LOOPBACK,
    DOCS_ENABLED: values.DOCS_ENABLED ?? values.NODE_ENV !== 'production',
    PLUGIN_INSTALL: values.PLUGIN_INSTALL ?? values.NODE_ENV !== 'production',
  })
}

/** Settings that do not fit together, each alone being right. */
export interface Contradiction {
  /** The first is the one to be changed. */
  names: readonly (keyof ConfigValues)[]
  problem: string
}

export function contradictions(values: ConfigValues): Contradiction[] {
  const found: Contradiction[] = []
  if (values.USER_PASSWORD_MIN_LENGTH > values.USER_PASSWORD_MAX_LENGTH)
    found.push({
      names: ['USER_PASSWORD_MIN_LENGTH', 'USER_PASSWORD_MAX_LENGTH'],
      problem: 'is above USER_PASSWORD_MAX_LENGTH',
    })
  if (values.USER_PASSWORD_MAX_LENGTH > 72)
    found.push({ names: ['USER_PASSWORD_MAX_LENGTH'], problem: 'bcrypt reads 72 bytes at most' })
  if (values.TOKEN_EXPIRE_SECONDS > values.TOKEN_REFRESH_EXPIRE_SECONDS)
    found.push({
      names: ['TOKEN_EXPIRE_SECONDS', 'TOKEN_REFRESH_EXPIRE_SECONDS'],
      problem: 'is above TOKEN_REFRESH_EXPIRE_SECONDS',
    })
  if (!values.PLUGIN_PUBLIC_KEYS.every(isPublicKey))
    found.push({ names: ['PLUGIN_PUBLIC_KEYS'], problem: 'holds what is no ed25519 public key in base64' })
  return found
}

function isPublicKey(text: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    return key.asymmetricKeyType === 'ed25519'
  } catch {
    return false
  }
}

type Declared = Readonly<Record<string, { type: 'string' | 'integer' | 'boolean'; default: string | number | boolean }>>

const SETTING_TYPES = { string: z.string(), integer: z.coerce.number().int(), boolean: z.stringbool() } as const

/** The settings that a plugin declares: from the environment variable of that name, else the default. */
export function pluginSettings(
  plugin: string,
  declared: Declared,
  env: Record<string, string | undefined> = process.env,
): Readonly<Record<string, string | number | boolean>> {
  const problems: string[] = []
  const values = Object.entries(declared).map(([name, setting]): [string, string | number | boolean] => {
    const given = env[name]
    if (given === undefined || given === '') return [name, setting.default]
    const parsed = SETTING_TYPES[setting.type].safeParse(given)
    if (!parsed.success) problems.push(`${name}: must be of type ${setting.type} (plugin ${plugin})`)
    return [name, parsed.data ?? setting.default]
  })
  if (problems.length > 0) throw new InvalidConfig(problems)
  return Object.freeze(Object.fromEntries(values))
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}
