import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { withStartLock } from '#backend/database/embedded-postgres/start-lock'
import { folderIdentity } from '#backend/utils/process-identity'

test('the start lock lets one in at a time, and nobody wait for a holder that died', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'fba-lock-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  // Process 1 lives, but it did not start then.
  writeFileSync(join(dir, 'lock.7'), `1 never ${folderIdentity(dir)}`)
  let inside = 0
  let runs = 0
  const work = async () => {
    inside += 1
    expect(inside).toBe(1)
    await sleep(1)
    inside -= 1
    runs += 1
  }
  await Promise.all(Array.from({ length: 20 }, () => withStartLock(dir, 20_000, work)))
  expect(runs).toBe(20)
  expect(readdirSync(dir)).toEqual(['lock.27'])
})
