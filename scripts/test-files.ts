import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow, ROOT } from './tests/repository.js'

/** How a test, or what it imports, comes to the database or the key-value store of the run. */
const ASKS_FOR_A_STORE = /\binject\(|\bTEST_REDIS\b/
const IMPORTED = /(?:from|import\() ?'#backend\/([^']+)'/g

/** The test files of the backend that use what the run is made on; the others find nothing else on another one. */
export function storeTestFiles(): string[] {
  return filesBelow('backend', '.test.ts').filter((path) => usesStore(path, new Set()))
}

function usesStore(path: string, seen: Set<string>): boolean {
  if (seen.has(path) || !existsSync(join(ROOT, path))) return false
  seen.add(path)
  const source = readFileSync(join(ROOT, path), 'utf8')
  if (ASKS_FOR_A_STORE.test(source)) return true
  return [...source.matchAll(IMPORTED)].some(([, module]) => usesStore(`backend/${module}.ts`, seen))
}
