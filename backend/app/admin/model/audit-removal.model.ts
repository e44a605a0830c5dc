import { index, pgTable, uuid, varchar } from 'drizzle-orm/pg-core'
import { bigId, createdTime, id } from '#backend/database/columns'

/** Records of a stream that are not in the log any more, and why: what makes a removal no gap. Rows are only ever added. */
export const auditRemoval = pgTable(
  'sys_audit_removal',
  {
    id: id(),
    stream: uuid('stream').notNull(),
    from_seq: bigId('from_seq').notNull(),
    to_seq: bigId('to_seq').notNull(),
    /** the hash before the first and that of the last of them: the chain goes on over them */
    prev_hash: varchar('prev_hash', { length: 64 }).notNull(),
    hash: varchar('hash', { length: 64 }).notNull(),
    /** delete, clear or retention */
    reason: varchar('reason', { length: 16 }).notNull(),
    username: varchar('username', { length: 64 }).notNull(),
    trace_id: varchar('trace_id', { length: 64 }).notNull(),
    created_time: createdTime(),
    /** of all the others but the id; empty: written before there was one */
    mac: varchar('mac', { length: 64 }).notNull().default(''),
  },
  (table) => [index('ix_sys_audit_removal_stream').on(table.stream, table.from_seq)],
)
