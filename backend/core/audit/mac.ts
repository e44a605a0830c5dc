import { createHmac } from 'node:crypto'

/** How far a stream is stored. */
export interface Head {
  stream: string
  stored_seq: number
  stored_hash: string
}

/** As the database has it: whether `mac` is right has to be asked. */
export type StoredHead = Head & { mac: string }

/** Records that follow each other in a stream and were removed, by whom and why. */
export interface Removal {
  stream: string
  from_seq: number
  to_seq: number
  /** the hash before the first of them and that of the last */
  prev_hash: string
  hash: string
  reason: string
  username: string
  trace_id: string
  /** ISO 8601, UTC, with milliseconds */
  created_time: string
}

/** Of the position of a stream. The hashes of the records alone would say nothing of an end that was cut off. */
export function headMac(key: string, { stream, stored_seq, stored_hash }: Head): string {
  return macOf(key, ['head', stream, stored_seq, stored_hash])
}

/** Of a note of removal, so that nobody without the key can remove records and write one. */
export function removalMac(key: string, removal: Removal): string {
  const { stream, from_seq, to_seq, prev_hash, hash, reason, username, trace_id, created_time } = removal
  return macOf(key, ['removal', stream, from_seq, to_seq, prev_hash, hash, reason, username, trace_id, created_time])
}

/** HMAC-SHA-256, in hexadecimal digits. The kind is among the fields: one of a head is none of a removal. */
function macOf(key: string, fields: readonly (string | number)[]): string {
  return createHmac('sha256', key).update(JSON.stringify(fields)).digest('hex')
}
