/** Words that secrets in examples and tutorials are made of. */
const SAMPLE_SECRET = /change.?me|example|sample|secret.?key|your[-_ ]|password|123456|^(.)\1*$/i
const SECRET_LENGTH_MIN = 32

interface Judged {
  TOKEN_SECRET_KEY?: string | undefined
  ADMIN_PASSWORD?: string | undefined
  AUDIT_ENABLED: boolean
  CORS_ORIGINS: readonly string[]
  DEV_SAMPLE_ACCOUNTS: boolean
  PASSWORD_HASH_COST: number
}

/** What of settings that are right is too weak for production; `given` are those that somebody has set. */
export function unsafeInProduction(values: Judged, given: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = []
  const secret = values.TOKEN_SECRET_KEY
  if (secret === undefined) problems.push('TOKEN_SECRET_KEY: is required in production')
  else if (secret.length < SECRET_LENGTH_MIN)
    problems.push(`TOKEN_SECRET_KEY: needs ${SECRET_LENGTH_MIN} characters or more`)
  else if (SAMPLE_SECRET.test(secret)) problems.push('TOKEN_SECRET_KEY: is a sample value')
  if (!values.AUDIT_ENABLED) problems.push('AUDIT_ENABLED: may not be false in production')
  if (values.CORS_ORIGINS.includes('*')) problems.push('CORS_ORIGINS: may not be * in production')
  if (
    values.ADMIN_PASSWORD !== undefined &&
    (values.ADMIN_PASSWORD.length < 8 || SAMPLE_SECRET.test(values.ADMIN_PASSWORD))
  )
    problems.push('ADMIN_PASSWORD: is a default or shorter than 8 characters')
  if (given.DEV_SAMPLE_ACCOUNTS !== undefined && values.DEV_SAMPLE_ACCOUNTS)
    problems.push('DEV_SAMPLE_ACCOUNTS: is for development only')
  if (values.PASSWORD_HASH_COST < 10) problems.push('PASSWORD_HASH_COST: below 10 is for development only')
  return problems
}
