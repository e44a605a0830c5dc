import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { completed, type Lockfile, missingBuilds } from './lockfile.js'

// npm run lock:complete, after `npm install` has changed package-lock.json.

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lockfile = JSON.parse(readFileSync(file, 'utf8')) as Lockfile
const count = Object.keys(missingBuilds(lockfile)).length
if (count > 0) writeFileSync(file, `${JSON.stringify(completed(lockfile), null, 2)}\n`)
console.log(count === 0 ? 'package-lock.json is complete' : `${count} builds for other platforms added`)
