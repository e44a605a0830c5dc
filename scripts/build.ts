import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

/** Files that the program reads at run time and that the compiler does not know. */
function copyAssets(): number {
  const files = readdirSync(join(root, 'backend'), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split(sep).includes('tests'))
  for (const path of files) cpSync(join(root, path), join(dist, path))
  return files.length
}

// What was compiled from a file that is gone must not be found any more.
rmSync(dist, { recursive: true, force: true })
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], {
  cwd: root,
  stdio: 'inherit',
})
if (status !== 0) process.exit(1)
const assets = copyAssets()
console.log(`dist/ is built${assets === 0 ? '' : `, with ${assets} assets`}`)
