import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { isAlive, ownIdentity } from '#backend/utils/process-identity'

/** A file of a stream; its name says the number of the first record in it. */
export interface Segment {
  path: string
  first_seq: number
  bytes: number
}

const SEGMENT = /^(\d{15})\.jsonl$/
const STREAM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const OWNER_FILE = 'owner.json'
/** A process of another machine on the same folder cannot be asked whether it lives: only silence tells. */
const SILENT_MS = 600_000

const Owner = z.object({ host: z.string(), pid: z.number(), started: z.string() })
type Owner = z.output<typeof Owner>

export const segmentPath = (folder: string, first_seq: number) =>
  join(folder, `${String(first_seq).padStart(15, '0')}.jsonl`)

/** Makes the folder of a new stream, marked as this process's. */
export function createStream(root: string, stream: string): string {
  const folder = join(root, stream)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeOwner(folder)
  return folder
}

function writeOwner(folder: string): void {
  writeFileSync(join(folder, OWNER_FILE), JSON.stringify(ownOwner()))
}

let own: Owner | undefined
/** Made once: where the system does not tell when a process has started, a part of it is random. */
const ownOwner = (): Owner => {
  own ??= { host: hostname(), ...ownIdentity() }
  return own
}

export function listSegments(folder: string): Segment[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const first_seq = SEGMENT.exec(name)?.[1]
      if (first_seq === undefined) return []
      const path = join(folder, name)
      return [{ path, first_seq: Number(first_seq), bytes: statSync(path).size }]
    })
    .sort((a, b) => a.first_seq - b.first_seq)
}

/** The streams whose process is gone; what it could not ship is there to be shipped by whoever finds it. */
export function listOrphans(root: string): string[] {
  return readdirSync(root).filter((name) => STREAM.test(name) && isOrphan(join(root, name)))
}

/** Of a database that is emptied on purpose. */
export function removeOrphans(root: string): void {
  if (!existsSync(root)) return
  for (const stream of listOrphans(root)) removeStream(join(root, stream))
}

/** Marks a stream as this process's. Two that take one over at once do no harm: each batch is stored once only. */
export function adopt(folder: string): void {
  writeOwner(folder)
}

/** Says to other machines that the stream is in use though nothing is written to it. To be called while it is. */
export function showInUse(folder: string): void {
  const now = new Date()
  utimesSync(join(folder, OWNER_FILE), now, now)
}

/** Whether nobody has taken the stream over, as far as can be seen. */
export function isOwn(folder: string): boolean {
  const owner = readOwner(folder)
  return owner === undefined
    ? existsSync(join(folder, OWNER_FILE))
    : JSON.stringify(owner) === JSON.stringify(ownOwner())
}

function isOrphan(folder: string): boolean {
  try {
    const owner = readOwner(folder)
    return owner?.host === hostname() ? !isAlive(owner) : isSilent(folder)
  } catch {
    // It is no folder, or was taken away meanwhile.
    return false
  }
}

function readOwner(folder: string): Owner | undefined {
  try {
    return Owner.parse(JSON.parse(readFileSync(join(folder, OWNER_FILE), 'utf8')))
  } catch {
    return undefined
  }
}

function isSilent(folder: string): boolean {
  const times = [folder, ...readdirSync(folder).map((name) => join(folder, name))].map((path) => statSync(path).mtimeMs)
  return Date.now() - Math.max(...times) > SILENT_MS
}

export function removeStream(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
