import { pgTable, uuid, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, updatedTime } from '#backend/database/columns'

/** How far the operation log of each process has been stored. */
export const auditStream = pgTable('sys_audit_stream', {
  stream: uuid('stream').primaryKey(),
  /** number and hash of the last record stored */
  stored_seq: bigId('stored_seq').notNull(),
  stored_hash: varchar('stored_hash', { length: 64 }).notNull(),
  /** of stream, number and hash; empty: written before there was one */
  mac: varchar('mac', { length: 64 }).notNull().default(''),
  created_time: createdTime(),
  updated_time: updatedTime(),
})
