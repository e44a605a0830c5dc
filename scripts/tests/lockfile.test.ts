import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { completed, type Lockfile, missingBuilds } from '../lockfile.js'
import { ROOT } from './repository.js'

const read = () => JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lockfile

test('package-lock.json names the builds for every platform, or `npm ci` would refuse it (npm run lock:complete)', () => {
  expect(Object.keys(missingBuilds(read()))).toEqual([])
})

test('a build that was left out is put back as it was, but for its checksum', () => {
  const lockfile = read()
  const name = 'node_modules/@biomejs/cli-linux-x64-musl'
  const { [name]: removed, ...packages } = lockfile.packages
  expect(removed).toBeDefined()
  expect(Object.keys(missingBuilds({ packages }))).toEqual([name])
  const { integrity: _, ...expected } = removed as { integrity?: string }
  expect(completed({ packages }).packages[name]).toEqual(expected)
  expect(Object.keys(completed({ packages }).packages)).toEqual(Object.keys(lockfile.packages))
})

test('nothing in it names the registry that it was made with', () => {
  expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved"')
})
