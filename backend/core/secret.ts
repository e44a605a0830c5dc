import { createHmac, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '#backend/core/config'

/**
 * The key that signs tokens. Outside production a missing one is generated once into the data folder (mode 0600),
 * so that a restart keeps sessions and no key is ever published with the sources.
 */
export async function tokenSecret(config: Config): Promise<string> {
  if (config.TOKEN_SECRET_KEY !== undefined) return config.TOKEN_SECRET_KEY
  const file = join(config.DATA_DIR, 'token-secret')
  await mkdir(config.DATA_DIR, { recursive: true })
  try {
    await writeFile(file, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(file, 'utf8')).trim()
}

/** The key of the hashes that chain the operation log: one of its own, or else what only holders of the token secret can make. */
export function auditKey({ AUDIT_HASH_KEY }: Pick<Config, 'AUDIT_HASH_KEY'>, token_secret: string): string {
  return AUDIT_HASH_KEY ?? createHmac('sha256', token_secret).update('operation log').digest('hex')
}
