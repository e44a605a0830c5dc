import { createHmac } from 'node:crypto'
import fastJson, { type Schema } from 'fast-json-stringify'

/** One request as the operation log keeps it: the columns of its table, every text within its column's length. */
export interface AuditRecord {
  trace_id: string
  /** null: nobody was signed in */
  username: string | null
  method: string
  title: string
  path: string
  ip: string
  country: string | null
  region: string | null
  city: string | null
  user_agent: string | null
  os: string | null
  browser: string | null
  device: string | null
  /** JSON text of an object; null: the request carried nothing */
  args: string | null
  /** 1 succeeded, 0 failed */
  status: number
  code: string
  msg: string | null
  /** milliseconds */
  cost_time: number
  /** ISO 8601, UTC, with milliseconds */
  opera_time: string
  /** JSON text of an array of row changes; null: no row was changed */
  diff: string | null
}

/** The place of a record in its stream: what makes a missing, altered or reordered one show. */
export interface Link {
  /** from 1, without gaps */
  seq: number
  prev_hash: string
  hash: string
}

/** What the first record of a stream carries as the hash before it. */
export const FIRST_HASH = '0'.repeat(64)

const text: Schema = { type: 'string' }
const textOrNull: Schema = { type: 'string', nullable: true }
const number: Schema = { type: 'number' }

const fieldsOf = fastJson({
  type: 'object',
  properties: {
    trace_id: text,
    username: textOrNull,
    method: text,
    title: text,
    path: text,
    ip: text,
    country: textOrNull,
    region: textOrNull,
    city: textOrNull,
    user_agent: textOrNull,
    os: textOrNull,
    browser: textOrNull,
    device: textOrNull,
    status: number,
    code: text,
    msg: textOrNull,
    cost_time: number,
    opera_time: text,
  },
})

/** The members of the record's JSON object, in this order whoever made it, its own JSON texts as they are. */
export function bodyOf(record: AuditRecord): string {
  return `${fieldsOf(record).slice(1, -1)},"args":${record.args ?? 'null'},"diff":${record.diff ?? 'null'}`
}

/** Hashes the record into its place; only who holds the key can. */
export function linkOf(body: string | Buffer, seq: number, prev_hash: string, key: string): Link {
  const hash = createHmac('sha256', key).update(`${prev_hash}\n${seq}\n`).update(body).digest('hex')
  return { seq, prev_hash, hash }
}

const LINE_END = Buffer.from('}\n')

/** One line of the spool, in pieces to be written one after the other. */
export function lineOf(body: Buffer, { seq, prev_hash, hash }: Link): Buffer[] {
  return [Buffer.from(`{"seq":${seq},"prev_hash":"${prev_hash}","hash":"${hash}",`), body, LINE_END]
}

const LINE = /^\{"seq":(\d{1,15}),"prev_hash":"([0-9a-f]{64})","hash":"([0-9a-f]{64})",(.*)\}$/s

/** Whether it has the shape of a record, whatever its hash says. */
export const isWholeLine = (line: string): boolean => LINE.test(line)

/** The link of a line whose hash is right; undefined for any other text. */
export function readLine(line: string, key: string): Link | undefined {
  const parts = LINE.exec(line)
  if (parts === null) return undefined
  const [, seq = '', prev_hash = '', hash = '', body = ''] = parts
  const link = linkOf(body, Number(seq), prev_hash, key)
  return link.hash === hash ? link : undefined
}
