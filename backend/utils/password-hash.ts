import { hash, verify } from '@node-rs/bcrypt'
import { createTurns } from '#backend/utils/turns'

/** bcrypt reads no further; a longer password would be accepted with any ending. */
export const PASSWORD_BYTES_MAX = 72

const COST_DEFAULT = 12
const CONCURRENT_MAX = 2
const QUEUE_MAX = 256

/**
 * `$2b$12$`, 22 characters of salt and 31 of digest. The last of each carries bits beyond the last byte; a hash that
 * has any of them set is refused by bcrypt before it does any work.
 */
const WELL_FORMED = /^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/
const DUMMY_SALT_AND_DIGEST = 'C6UzMDM.H6dfI/f/IKcEe.4WZ6Jm0x2Cz8uSg3pDkQv9TfLbYhR1e'

export type HashOptions = {
  /** Work doubles with each step; 12 is about a quarter of a second. */
  cost?: number
}

/** More hashes are waited for than could be answered in reasonable time. */
export class HashQueueFull extends Error {
  override readonly name = 'HashQueueFull'

  constructor() {
    super('too many password hashes are waiting')
  }
}

/** The threads that hash are shared with the file system and DNS; two at a time leave some for them. */
const inTurn = createTurns({ at_once: CONCURRENT_MAX, queue_max: QUEUE_MAX, full: () => new HashQueueFull() })

/** A `$2b$` hash. Throws `RangeError` for more than 72 bytes and `HashQueueFull` under overload. */
export async function hashPassword(plain: string, { cost = COST_DEFAULT }: HashOptions = {}): Promise<string> {
  if (tooLong(plain)) throw new RangeError(`a password may have at most ${PASSWORD_BYTES_MAX} bytes`)
  return inTurn(() => hash(plain, { cost, version: '2b' }))
}

/**
 * Whether the password belongs to the hash (`$2a$`, `$2b$` or `$2y$`). Without a usable hash, or with a password
 * that none can belong to, the answer is no after the work of a hash of this cost, so that the time taken does not
 * tell whether there is such an account. Throws `HashQueueFull` under overload.
 */
export async function verifyPassword(
  plain: string,
  stored: string | null | undefined,
  { cost = COST_DEFAULT }: HashOptions = {},
): Promise<boolean> {
  const usable = typeof stored === 'string' && WELL_FORMED.test(stored)
  if (usable && !tooLong(plain)) return inTurn(() => verify(plain, stored))
  const dummy = `$2b$${String(cost).padStart(2, '0')}$${DUMMY_SALT_AND_DIGEST}`
  await inTurn(() => verify(plain.slice(0, PASSWORD_BYTES_MAX), usable ? stored : dummy))
  return false
}

function tooLong(plain: string): boolean {
  return Buffer.byteLength(plain) > PASSWORD_BYTES_MAX
}
