import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { End } from '#backend/core/audit/ends'
import { headMac } from '#backend/core/audit/mac'
import type { AuditSink, Batch } from '#backend/core/audit/sink'
import type { Segment } from '#backend/core/audit/spool-files'
import type { Log } from '#backend/core/log'
import type { Database } from '#backend/database/db'
import { pgError } from '#backend/database/pg-error'

/** A stream to be shipped. `segments` may still grow. */
export interface Source {
  stream: string
  segments: Segment[]
}

export interface ShipperOptions {
  source: Source
  /** Of the hashes. */
  key: string
  sink: AuditSink
  database: Database
  log: Log
}

/** Awaited after each batch; false: the rest is left for later. */
export type Between = (batch: { took_ms: number; is_behind: boolean }) => Promise<boolean>

export interface Shipper {
  /** Stores all that is on disk now, true once it is; throws when the database does not take it. */
  ship(between?: Between): Promise<boolean>
  /** Bytes of the source that are not stored yet. */
  pendingBytes(): number
  /** The last record that is known to be stored; undefined: this shipper has seen none. */
  end(): End | undefined
}

/** Small, so that the database is never kept from answering requests for long; large where there is much to catch up with. */
const CHUNK_BYTES = 64 * 1024
const CHUNK_BYTES_BEHIND = 256 * 1024
const BEHIND_BYTES = 4 * 1024 * 1024
const NEWLINE = 0x0a
const SEQ = /^\{"seq":(\d+),"prev_hash":"[0-9a-f]{64}","hash":"([0-9a-f]{64})"/

/** Reads a source from where it got to, batch after batch; a file that is stored whole and is not the last is removed. */
export function createShipper({ source, key, sink, database, log }: ShipperOptions): Shipper {
  const { stream } = source
  let offset = 0
  let end: End | undefined
  let stored_seq: number | undefined

  const pendingBytes = () => source.segments.reduce((sum, { bytes }) => sum + bytes, -offset)

  async function ship(between?: Between): Promise<boolean> {
    stored_seq ??= await position()
    // What comes meanwhile is for the next time, or under load there would be no end.
    for (let left = pendingBytes(); ; ) {
      const segment = source.segments[0]
      if (segment === undefined) return true
      if (offset >= segment.bytes) {
        if (source.segments.length === 1) return true
        rmSync(segment.path, { force: true })
        source.segments.shift()
        offset = 0
        continue
      }
      if (left <= 0) return true
      const began = performance.now()
      const is_behind = pendingBytes() > BEHIND_BYTES
      const stored = await storeFrom(segment, is_behind ? CHUNK_BYTES_BEHIND : CHUNK_BYTES)
      if (stored === undefined) {
        left = pendingBytes()
        continue
      }
      left -= stored
      const took_ms = performance.now() - began
      if (left > 0 && (await between?.({ took_ms, is_behind })) === false) return false
    }
  }

  /** How many bytes of the file from the offset on are stored by now; undefined: the offset had to be moved. */
  async function storeFrom(segment: Segment, chunk_bytes: number): Promise<number | undefined> {
    const read = await readLines(segment, offset, chunk_bytes)
    if (read === undefined) {
      // Whoever else has taken the stream over has stored the file and removed it.
      offset = segment.bytes
      stored_seq = await position()
      log.warn({ path: segment.path, stored_seq }, 'operation log: a file of the spool is gone')
      return undefined
    }
    if (!(await storeNew(read.text))) {
      log.error(
        { stream, stored_seq },
        'operation log: the database has lost records, what is left of them is sent again',
      )
      offset = 0
      return undefined
    }
    end = { stream, ...lastPlaceOf(read.text) }
    offset += read.bytes
    return read.bytes
  }

  /** Where the database says that it is. What only a holder of the key can have said is believed, or records would be left out. */
  async function position(): Promise<number> {
    const head = await sink.findHead(database.db, stream)
    if (head === undefined) return 0
    if (head.mac !== headMac(key, head)) throw new Error(`the position of stream ${stream} was altered in the database`)
    return head.stored_seq
  }

  /**
   * Stores the lines that are not stored yet: all of them, unless the source was shipped in part by somebody else. False:
   * lines before these are not stored any more.
   */
  async function storeNew(text: string): Promise<boolean> {
    for (;;) {
      const known = stored_seq ?? 0
      const fresh = placeOf(text).seq > known ? text : linesAfter(text, known)
      if (fresh === '') return true
      const batch = batchOf(known, fresh)
      if (await storeBatch(batch)) {
        stored_seq = batch.last.seq
        return true
      }
      stored_seq = await position()
      if (stored_seq === known) throw new Error(`the position ${known} of stream ${stream} could not be moved`)
      if (stored_seq < known) return false
    }
  }

  function batchOf(known_seq: number, text: string): Batch {
    const last = lastPlaceOf(text)
    const mac = headMac(key, { stream, stored_seq: last.seq, stored_hash: last.hash })
    return { stream, stored_seq: known_seq, last, mac, text }
  }

  async function storeBatch(batch: Batch): Promise<boolean> {
    try {
      return await sink.store(database.db, batch)
    } catch (error) {
      if (!isAboutTheRows(error)) throw error
      return batch.text.includes('\n') ? storeOneByOne(batch) : storeRefused(batch, error)
    }
  }

  /** Somewhere in the batch is a row that the database does not take; the others are not to suffer for it. */
  async function storeOneByOne(batch: Batch): Promise<boolean> {
    let { stored_seq: known } = batch
    for (const line of batch.text.split('\n')) {
      const one = batchOf(known, line)
      if (!(await storeBatch(one))) return false
      known = one.last.seq
    }
    return true
  }

  async function storeRefused(batch: Batch, error: unknown): Promise<boolean> {
    const reason = pgError(error)?.code ?? 'unknown'
    log.error({ err: error, stream: batch.stream, seq: batch.last.seq }, 'operation log: the database refused a record')
    return sink.storeRefused(database.db, batch, reason)
  }

  return {
    ship,
    pendingBytes,
    end: () => end,
  }
}

/** Whole lines from an offset on, as many as a batch of that size holds, or one; `bytes` with their ends. Undefined: the file is gone. */
async function readLines({ path, bytes: size }: Segment, offset: number, chunk_bytes: number) {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    for (let length = chunk_bytes; ; length *= 2) {
      const chunk = Buffer.alloc(Math.min(length, size - offset))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset)
      const end = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1
      if (end > 0) return { text: chunk.toString('utf8', 0, end - 1), bytes: end }
      if (bytesRead < length) throw new Error(`${path}: no whole line at ${offset}`)
    }
  } finally {
    await handle.close()
  }
}

const lastPlaceOf = (text: string) => placeOf(text.slice(text.lastIndexOf('\n') + 1))

const linesAfter = (text: string, seq: number): string =>
  text
    .split('\n')
    .filter((line) => placeOf(line).seq > seq)
    .join('\n')

function placeOf(line: string): { seq: number; hash: string } {
  const [, seq = '', hash = ''] = SEQ.exec(line) ?? []
  return { seq: Number(seq), hash }
}

/** Classes 22 and 23 and 54: values, constraints and sizes. Whatever else fails may go well later. */
function isAboutTheRows(error: unknown): boolean {
  return /^(22|23|54)/.test(pgError(error)?.code ?? '')
}
