import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownLikeParent } from '#backend/database/embedded-postgres/server-user'
import { folderIdentity, isAlive, ownIdentity } from '#backend/utils/process-identity'

/** Enters this process as a user of the server; the name returned takes it out again. Call under the start lock. */
export function addUser(users_dir: string): string {
  const { pid, started } = ownIdentity()
  const name = [pid, started, folderIdentity(users_dir), randomBytes(4).toString('hex')].join('.')
  writeFileSync(join(users_dir, name), '', { mode: 0o600 })
  ownLikeParent(join(users_dir, name))
  return name
}

/** Removes the user, and users whose process died without a word; returns how many remain. Call under the start lock. */
export function removeUser(users_dir: string, name: string): number {
  rmSync(join(users_dir, name), { force: true })
  let remaining = 0
  for (const entry of readdirSync(users_dir)) {
    const [pid, started = '', folder] = entry.split('.')
    if (folder === folderIdentity(users_dir) && isAlive({ pid: Number(pid), started })) remaining += 1
    else rmSync(join(users_dir, entry), { force: true })
  }
  return remaining
}
