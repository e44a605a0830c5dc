import { openSpool } from '#backend/core/audit/spool'
import { record } from '#backend/core/audit/tests/audit.fixture'

/**
 * A process of its own for spool.test.ts: `<root>` appends records until one is refused, for the limit on the size of
 * files that it was started with, and prints how many were not.
 */
const [root = ''] = process.argv.slice(2)
const spool = openSpool({ root, key: 'key' })
let written = 0
try {
  for (; written < 1000; written += 1) await spool.append(record(`nr ${written + 1}`))
} catch {
  // As on a disk without room.
}
process.stdout.write(JSON.stringify({ written, path: spool.segments[0]?.path }))
process.exit(0)
