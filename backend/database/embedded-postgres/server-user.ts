import { chownSync, closeSync, existsSync, lchownSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whom PostgreSQL runs as when we are root, because it refuses to run as root. */
export interface ServerUser {
  uid: number
  gid: number
}

/** A folder as the server names it; `descriptor` must be inherited by the server as its file descriptor 3. */
export interface ServerFolder {
  path: string
  descriptor: number | undefined
  close(): void
}

const OPEN_FOLDER = '/proc/self/fd/3'

/** undefined: the server runs as ourselves. */
export function serverUser(cluster_dir: string): ServerUser | undefined {
  const own_uid = process.getuid?.()
  const cluster = existsSync(cluster_dir) ? statSync(cluster_dir) : undefined
  if (own_uid === undefined) return undefined
  if (own_uid !== 0) {
    if (cluster && cluster.uid !== own_uid) {
      throw new Error(`${cluster_dir} belongs to user ${cluster.uid}, we are ${own_uid}: start as that user or as root`)
    }
    return undefined
  }
  // A cluster made by a normal user keeps its owner, so that that user can go on with it.
  if (cluster && cluster.uid !== 0) return { uid: cluster.uid, gid: cluster.gid }
  return nobody()
}

function nobody(): ServerUser {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  // macOS writes nobody's ids as -2.
  return { uid: Number(uid ?? 65_534) >>> 0, gid: Number(gid ?? 65_534) >>> 0 }
}

/**
 * Another user cannot walk to a folder below one that is closed to it (a checkout in /root), but it can use a folder it was
 * handed open: on Linux the server gets a descriptor and the name under which that descriptor is found.
 */
export function openForServer(dir: string, user: ServerUser | undefined): ServerFolder {
  if (!user || !existsSync('/proc/self/fd')) return { path: dir, descriptor: undefined, close: () => undefined }
  const descriptor = openSync(dir, 'r')
  return { path: OPEN_FOLDER, descriptor, close: () => closeSync(descriptor) }
}

export function giveTo(path: string, user: ServerUser): void {
  lchownSync(path, user.uid, user.gid)
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
}

/** What root makes in a normal user's folder belongs to that user, who may be the next to start. */
export function ownLikeParent(path: string): void {
  if (process.getuid?.() !== 0) return
  const parent = statSync(dirname(path))
  chownSync(path, parent.uid, parent.gid)
}

/** Whether the user may walk to the file and read it (and run it, for `execute`), by the mode bits. */
export function canUse(user: ServerUser, path: string, need: { execute: boolean }): boolean {
  if (!existsSync(path) || !grants(user, path, need.execute ? 0o5 : 0o4)) return false
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if (!grants(user, dir, 0o1)) return false
    if (dir === dirname(dir)) return true
  }
}

function grants(user: ServerUser, path: string, bits: number): boolean {
  const { mode, uid, gid } = statSync(path)
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}
