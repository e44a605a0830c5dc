import { existsSync, realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The product that runs: its sources under a loader for TypeScript, `dist/` when it is built.

const BACKEND = new URL('../../../', import.meta.url)
/** `.ts` or `.js`, as everything else of the product that runs. */
export const MODULE_EXTENSION = extname(fileURLToPath(import.meta.url))

const OWN_MODULE = /^#backend\/((?:[A-Za-z0-9_-]+\/)*[A-Za-z0-9_.-]+)$/

/** Path of a module of the product below `backend/`, without extension; undefined where the name is no such path. */
export function modulePath(specifier: string): string | undefined {
  const path = OWN_MODULE.exec(specifier)?.[1]
  return path === undefined || path.split('/').includes('..') ? undefined : path
}

export function hasModule(path: string): boolean {
  return existsSync(new URL(`${path}${MODULE_EXTENSION}`, BACKEND))
}

/** Where the running process has a module or an npm package of the product: the one instance that everybody shares. */
export function productUrl(specifier: string): string {
  const path = modulePath(specifier)
  if (path !== undefined) return new URL(`${path}${MODULE_EXTENSION}`, BACKEND).href
  return import.meta.resolve(specifier)
}

/** The npm packages that the product says it needs at run time. */
export async function productPackages(): Promise<ReadonlySet<string>> {
  const file = productManifest()
  const { dependencies = {} } = JSON.parse(await readFile(file, 'utf8')) as { dependencies?: Record<string, string> }
  return new Set(Object.keys(dependencies))
}

export const productManifest = (): string => join(productFolder(), 'package.json')

/** Where the code of the product is: its own, and the packages that Node.js finds for it. */
export function productFolders(): string[] {
  const folders = [fileURLToPath(BACKEND).replace(/[\\/]$/, '')]
  for (let folder = productFolder(); ; folder = dirname(folder)) {
    const packages = join(folder, 'node_modules')
    if (existsSync(packages)) folders.push(realpathSync(packages))
    if (dirname(folder) === folder) return folders
  }
}

/** Walks up from `backend/`, which lies one level deeper when compiled. */
function productFolder(): string {
  let folder = fileURLToPath(BACKEND)
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('the package.json of the product is missing')
    folder = parent
  }
  return folder
}

/** The name of the package in `@scope/name/sub/path`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
