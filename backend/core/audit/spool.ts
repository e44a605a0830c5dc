import { constants, mkdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AuditRecord, bodyOf, FIRST_HASH, type Link, lineOf, linkOf } from '#backend/core/audit/record'
import { createStream, isOwn, type Segment, segmentPath } from '#backend/core/audit/spool-files'
import { uuidv7 } from '#backend/utils/random'

export interface SpoolOptions {
  /** Folder of all streams. */
  root: string
  /** Of the hashes; may be empty. */
  key: string
  /** A file of this size is followed by a new one, so that what has been shipped can be removed. */
  segment_bytes?: number
  /** How long a record that nobody waits for may stay in memory. */
  delay_ms?: number
  /** How long the folder is taken for this process's without a look at it. */
  owned_ms?: number
}

/** The records of one process, in files to which lines are only ever added. */
export interface Spool {
  readonly stream: string
  readonly folder: string
  /** The files, the oldest first; of the last one `bytes` are on disk for certain. */
  readonly segments: Segment[]
  /**
   * Resolves once the record is on disk; rejects when it could not be written. Those that come while the disk is busy
   * are written together.
   */
  append(record: AuditRecord): Promise<void>
  /** As `append`, for whom nobody waits: the writing starts within `delay_ms` instead of at once. */
  note(record: AuditRecord, settled: Settled): void
  /** Called each time something has reached the disk. */
  onWritten(listener: () => void): void
  /** Writes what is waiting by now, at once. */
  flush(): Promise<void>
  /** Of records that are not on disk yet. */
  waitingBytes(): number
  /** Writes what is left and takes no more. */
  close(): Promise<void>
}

/** Called without an error once the record is on disk. */
type Settled = (error?: unknown) => void

interface Waiting {
  /**
   * Bytes: the many pieces of a text that was just put together would all have to be kept until it is written.
   * Undefined: only waits for those before it.
   */
  body: Buffer | undefined
  /** Whether an answer waits for it. */
  is_awaited: boolean
  settled: Settled
}

const SEGMENT_BYTES = 16 * 1024 * 1024
/** With the time for which a write waits for more, within 100 ms. */
const DELAY_MS = 90
/**
 * Where a write carried the records of several answers, more of them are about to come, and to wait for those costs less
 * than a write of their own: the disk is asked less often, and the answers go out together. Who is alone waits for nobody.
 */
const GATHER_MS = 2
const GATHER_FROM = 4
const GATHER_WITHIN_MS = 50
/** Much less than the silence after which others take a process for gone. */
const OWNED_MS = 60_000

/** On Linux a write comes back when it is on disk, which saves a second call for each. */
const WRITES_ARE_DURABLE = process.platform === 'linux'
const OPEN_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (WRITES_ARE_DURABLE ? constants.O_DSYNC : 0)

export function openSpool(options: SpoolOptions): Spool {
  const { root, key, segment_bytes = SEGMENT_BYTES, delay_ms = DELAY_MS, owned_ms = OWNED_MS } = options
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const stream = uuidv7()
  const folder = createStream(root, stream)
  const segments: Segment[] = []
  let last: Pick<Link, 'seq' | 'hash'> = { seq: 0, hash: FIRST_HASH }
  let file: FileHandle | undefined
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let notify = () => {}
  let owned_at = Date.now()
  /** Answers that waited for the last write. */
  let answers = 0
  let written_at = 0
  let waiting_bytes = 0
  let closed = false

  async function writeAll(): Promise<void> {
    // The turn of the event loop is awaited, so that requests answered in it share one write.
    await new Promise(setImmediate)
    clearTimeout(timer)
    timer = undefined
    while (waiting.length > 0) {
      const isBusy = answers >= GATHER_FROM && performance.now() - written_at < GATHER_WITHIN_MS
      if (isBusy) await sleep(GATHER_MS)
      const batch = waiting
      waiting = []
      answers = batch.filter(({ is_awaited }) => is_awaited).length
      try {
        const has_written = await writeBatch(batch)
        for (const { settled } of batch) settled()
        if (has_written) notify()
      } catch (error) {
        for (const { settled } of batch) settled(error)
      } finally {
        written_at = performance.now()
        for (const { body } of batch) waiting_bytes -= body?.length ?? 0
      }
    }
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<boolean> {
    assertOwned()
    let { seq, hash } = last
    const lines = batch.flatMap(({ body }) => {
      if (body === undefined) return []
      const link = linkOf(body, seq + 1, hash, key)
      ;({ seq, hash } = link)
      return lineOf(body, link)
    })
    if (lines.length === 0) return false
    const { handle, segment } = await openSegment()
    const text = Buffer.concat(lines)
    try {
      await writeDurably(handle, text, segment.bytes)
    } catch (error) {
      // Half a batch must not stay: what follows would be read as its rest.
      await handle.truncate(segment.bytes).catch(() => closeSegment())
      throw error
    }
    segment.bytes += text.length
    last = { seq, hash }
    return true
  }

  /** Of a process that was suspended for long another may have taken the folder over, to remove it once all is stored. */
  function assertOwned(): void {
    if (Math.abs(Date.now() - owned_at) < owned_ms) return
    if (!isOwn(folder)) throw new Error(`${folder} was taken over by another process: this one has to be started anew`)
    owned_at = Date.now()
  }

  async function openSegment(): Promise<{ handle: FileHandle; segment: Segment }> {
    const current = segments.at(-1)
    if (file !== undefined && current !== undefined && current.bytes < segment_bytes)
      return { handle: file, segment: current }
    await closeSegment()
    const first_seq = last.seq + 1
    const path = segmentPath(folder, first_seq)
    const handle = await open(path, OPEN_FLAGS, 0o600)
    try {
      await syncFolder(folder)
    } catch (error) {
      await handle.close()
      throw error
    }
    const segment: Segment = { path, first_seq, bytes: 0 }
    if (segments.at(-1)?.path === path) segments.pop()
    segments.push(segment)
    file = handle
    return { handle, segment }
  }

  async function closeSegment(): Promise<void> {
    const closing = file
    file = undefined
    await closing?.close()
  }

  function put(record: AuditRecord, is_awaited: boolean, settled: Settled): void {
    if (closed) {
      settled(new Error('the operation log is closed'))
      return
    }
    const body = Buffer.from(bodyOf(record))
    waiting_bytes += body.length
    waiting.push({ body, is_awaited, settled })
  }

  function start(): Promise<void> {
    writing ??= writeAll().finally(() => {
      writing = undefined
      // What came after the last look at those waiting has found a writer that was about to end.
      if (waiting.length > 0) void start()
    })
    return writing
  }

  /** Forgets the timer also while a write is under way, or no other would be set after it. */
  function writeLazy(): void {
    timer = undefined
    void start()
  }

  /** Others may go on coming meanwhile: they are not waited for. */
  async function flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push({ body: undefined, is_awaited: false, settled: () => resolve() })
      void start()
    })
  }

  return {
    stream,
    folder,
    segments,
    async append(record) {
      return new Promise((resolve, reject) => {
        put(record, true, (error) => (error === undefined ? resolve() : reject(error)))
        void start()
      })
    },
    note(record, settled) {
      put(record, false, settled)
      if (!closed) timer ??= setTimeout(writeLazy, delay_ms)
    },
    onWritten(listener) {
      notify = listener
    },
    flush,
    waitingBytes: () => waiting_bytes,
    async close() {
      closed = true
      await flush()
      await writing
      await closeSegment()
    },
  }
}

/** A disk that is nearly full takes the beginning and says how much that was; only the next write is refused. */
async function writeDurably(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
  if (!WRITES_ARE_DURABLE) await handle.datasync()
}

/** A new file is there after a loss of power only once its folder is written too. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  for (const path of [folder, dirname(folder)]) {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}
