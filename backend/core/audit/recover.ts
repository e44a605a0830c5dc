import { appendFile, readFile, rm, truncate } from 'node:fs/promises'
import { basename } from 'node:path'
import { FIRST_HASH, readLine } from '#backend/core/audit/record'
import { listSegments, type Segment } from '#backend/core/audit/spool-files'
import type { Log } from '#backend/core/log'

/** What a process that is gone has left to be shipped. */
export interface Recovered {
  segments: Segment[]
  /** Bytes that are no whole record, after the last one: the write that the end of the process cut short. */
  torn_bytes: number
  /** Set when a record before the last is damaged: it and what follows are kept in a file and not shipped. */
  damaged?: { path: string; seq: number; kept_in: string }
}

interface Place {
  seq: number
  hash: string
}

const NEWLINE = 0x0a

/**
 * Reads every record that a stream holds and cuts off the torn end. Anything else that is wrong is no accident of
 * stopping: it is reported, and kept for whoever looks into it.
 */
export async function recover(folder: string, key: string, log: Log): Promise<Recovered> {
  const segments = listSegments(folder)
  const found: Recovered = { segments: [], torn_bytes: 0 }
  let before: Place | undefined
  for (const [index, segment] of segments.entries()) {
    const content = await readFile(segment.path)
    const { good_bytes, last } = readSegment(segment, content, key, before)
    before = last
    found.segments.push({ ...segment, bytes: good_bytes })
    const rest = content.subarray(good_bytes)
    if (rest.length === 0) continue
    const later = segments.slice(index + 1)
    if (later.length === 0 && !holdsRecord(rest, key)) found.torn_bytes = rest.length
    else {
      const kept_in = await setAside(folder, rest, later)
      found.damaged = { path: segment.path, seq: (last?.seq ?? segment.first_seq - 1) + 1, kept_in }
    }
    await truncate(segment.path, good_bytes)
    break
  }
  report(folder, found, log)
  return found
}

/** How much of a file is whole records, each the successor of the one before it. */
function readSegment(segment: Segment, content: Buffer, key: string, before: Place | undefined) {
  // The first file that is left may begin anywhere in the stream, for those before it have been shipped.
  let last = before ?? (segment.first_seq === 1 ? { seq: 0, hash: FIRST_HASH } : undefined)
  let good_bytes = 0
  for (;;) {
    const end = content.indexOf(NEWLINE, good_bytes)
    if (end < 0) break
    const link = readLine(content.toString('utf8', good_bytes, end), key)
    if (link === undefined) break
    if (last !== undefined && (link.seq !== last.seq + 1 || link.prev_hash !== last.hash)) break
    last = link
    good_bytes = end + 1
  }
  return { good_bytes, last }
}

/** Moves what cannot be trusted out of the stream; returns the name of the file that holds it. */
async function setAside(folder: string, rest: Buffer, later: readonly Segment[]): Promise<string> {
  const path = `${folder}.damaged`
  await appendFile(path, rest, { mode: 0o600 })
  for (const segment of later) {
    await appendFile(path, await readFile(segment.path))
    await rm(segment.path)
  }
  return basename(path)
}

/** Whether a whole record lies beyond the damage: then more than the last write is wrong. */
function holdsRecord(rest: Buffer, key: string): boolean {
  return rest
    .toString('utf8')
    .split('\n')
    .some((line) => readLine(line, key) !== undefined)
}

function report(folder: string, { torn_bytes, damaged }: Recovered, log: Log): void {
  const stream = basename(folder)
  if (torn_bytes > 0) log.warn({ stream, torn_bytes }, 'operation log: a torn last record was dropped')
  if (damaged !== undefined) log.error({ stream, ...damaged }, 'operation log: the spool is damaged')
}
