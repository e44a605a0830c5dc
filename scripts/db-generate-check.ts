import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// Fails when the models say more than the migrations: generates into a copy, and looks whether there is anything new.

const root = fileURLToPath(new URL('..', import.meta.url))
const copy = mkdtempSync(join(tmpdir(), 'fba-drizzle-'))

function generate(): string {
  const home = join(dirname(createRequire(import.meta.url).resolve('drizzle-kit')), 'bin.cjs')
  // drizzle-kit puts `./` before the folder, whatever it is.
  const out = relative(root, copy)
  const args = [
    'generate',
    '--dialect=postgresql',
    '--schema=./backend/{app/*,core/plugin}/model/*.model.ts',
    `--out=${out}`,
  ]
  const run = spawnSync(process.execPath, ['--conditions=source', home, ...args], { cwd: root, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`drizzle-kit failed:\n${run.stdout}${run.stderr}`)
  return run.stdout
}

try {
  cpSync(join(root, 'drizzle'), copy, { recursive: true })
  const before = new Set(readdirSync(copy))
  const output = generate()
  const added = readdirSync(copy).filter((name) => !before.has(name) && name.endsWith('.sql'))
  if (added.length > 0) {
    console.error(added.map((name) => readFileSync(join(copy, name), 'utf8')).join('\n'))
    console.error('The models say more than the migrations: run `npm run db:generate` and commit what it writes.')
    process.exitCode = 1
  } else if (!/no schema changes/i.test(output)) throw new Error(`drizzle-kit said something unexpected:\n${output}`)
  else console.log('drizzle/ is current')
} finally {
  rmSync(copy, { recursive: true, force: true })
}
