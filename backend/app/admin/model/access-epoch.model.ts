import { pgSequence } from 'drizzle-orm/pg-core'

/**
 * Moves when somebody's standing changed and the key-value port could not be told: every process reads it once a second and
 * then forgets what it knows. A sequence, because its value is seen at once, without waiting for a transaction.
 */
export const accessEpoch = pgSequence('sys_access_epoch')
