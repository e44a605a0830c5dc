import { appendFile, readFile, rm, truncate } from 'node:fs/promises'
import { basename } from 'node:path'
import { FIRST_HASH, isWholeLine, readLine } from '#backend/core/audit/record'
import { listSegments, type Segment } from '#backend/core/audit/spool-files'
import type { Log } from '#backend/core/log'

/** What a process that is gone has left to be shipped. */
export interface Recovered {
  segments: Segment[]
  /** Bytes that are no whole record, after the last one: the write that the end of the process, or a fault, cut short. */
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
    const later = segments.slice(index + 1)
    const end_seq = later[0]?.first_seq ?? Number.POSITIVE_INFINITY
    const { good_bytes, last } = readSegment(segment, content, key, before, end_seq)
    before = last
    found.segments.push({ ...segment, bytes: good_bytes })
    const rest = content.subarray(good_bytes)
    if (rest.length === 0) continue
    const next_seq = (last?.seq ?? segment.first_seq - 1) + 1
    // What failed to be written and could not be taken back either: the process has gone on in the next file.
    const isSuperseded = next_seq === end_seq
    const isTorn = isSuperseded || (later.length === 0 && !holdsRecord(rest))
    if (isTorn) found.torn_bytes += rest.length
    else {
      const kept_in = await setAside(folder, rest, later)
      found.damaged = { path: segment.path, seq: next_seq, kept_in }
    }
    await truncate(segment.path, good_bytes)
    if (!isSuperseded) break
  }
  report(folder, found, log)
  return found
}

/** How much of a file is whole records before number `end_seq`, each the successor of the one before it. */
function readSegment(segment: Segment, content: Buffer, key: string, before: Place | undefined, end_seq: number) {
  // The first file that is left may begin anywhere in the stream, for those before it have been shipped.
  let last = before ?? (segment.first_seq === 1 ? { seq: 0, hash: FIRST_HASH } : undefined)
  let good_bytes = 0
  for (;;) {
    const end = content.indexOf(NEWLINE, good_bytes)
    if (end < 0) break
    const link = readLine(content.toString('utf8', good_bytes, end), key)
    if (link === undefined || link.seq >= end_seq) break
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

/** Whether a whole record lies beyond the last good one, right or not: then more than a write cut short is wrong. */
function holdsRecord(rest: Buffer): boolean {
  return rest.toString('utf8').split('\n').slice(0, -1).some(isWholeLine)
}

function report(folder: string, { torn_bytes, damaged }: Recovered, log: Log): void {
  const stream = basename(folder)
  if (torn_bytes > 0) log.warn({ stream, torn_bytes }, 'operation log: a torn last record was dropped')
  if (damaged !== undefined) log.error({ stream, ...damaged }, 'operation log: the spool is damaged')
}
