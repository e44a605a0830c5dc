import type { StoredHead } from '#backend/core/audit/mac'
import type { Ctx } from '#backend/core/ctx'
import type { Db } from '#backend/database/db'

/** Lines of a stream that follow each other, to be stored together. */
export interface Batch {
  stream: string
  /** The number up to which the stream is stored already. */
  stored_seq: number
  last: { seq: number; hash: string }
  /** Of the position that `last` becomes; see `headMac`. */
  mac: string
  /** Lines of the spool, one below the other. */
  text: string
}

/** Records that were removed because of their age. */
export interface Expired {
  /** null: rows of the time before there were streams */
  stream: string | null
  /** the last number removed */
  up_to_seq: number | null
  count: number
}

/** Where records come to rest; provided by the application that owns the table. */
export interface AuditSink {
  /** The position of a stream; undefined: nothing of it is stored. */
  findHead(db: Db, stream: string): Promise<StoredHead | undefined>
  /**
   * Stores all of them and the stream's new position in one transaction. False, and nothing stored, when the position is
   * not `stored_seq` any more: somebody else has shipped it.
   */
  store(db: Db, batch: Batch): Promise<boolean>
  /** As `store` for one line that the database refuses as it is: what can be kept of it, and why. */
  storeRefused(db: Db, batch: Batch, reason: string): Promise<boolean>
  /** Removes what is older than AUDIT_RETENTION_DAYS. */
  removeExpired(ctx: Ctx): Promise<Expired[]>
}
