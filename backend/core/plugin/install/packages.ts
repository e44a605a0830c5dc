import { spawn } from 'node:child_process'
import { z } from 'zod'
import { BadRequest } from '#backend/common/errors'
import { toolEnvironment } from '#backend/core/config'
import { type PluginFiles, reasonOf } from '#backend/core/plugin/install/archive'
import { shown } from '#backend/core/plugin/install/file-names'
import { type LimitedOutcome, runLimited } from '#backend/core/plugin/install/limited-process'
import { NPM_LIMITS } from '#backend/core/plugin/install/limits'
import { productPackages } from '#backend/core/plugin/install/product'
import type { MessageKey, MessageParams } from '#backend/locale/translate'

const PACKAGE = 'package.json'
const LOCK = 'package-lock.json'

export interface PluginPackages {
  /** The packages that its code may name. */
  readonly names: ReadonlySet<string>
  /** `package.json` and `package-lock.json` as npm gets them: only what installing by the lock file needs. */
  readonly files: PluginFiles
}

const exact = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/
const packageName = /^(?:@[a-z0-9-~][a-z0-9-._~]*\/)?[a-z0-9-~][a-z0-9-._~]*$/
const Strings = z.record(z.string(), z.string())
/** Fields of a package.json by which npm does more than install, or installs something else. */
const ACTIVE = [
  'scripts',
  'workspaces',
  'overrides',
  'optionalDependencies',
  'bundleDependencies',
  'bundledDependencies',
]

const Package = z.looseObject({ dependencies: Strings.prefault({}) })
const Locked = z.looseObject({
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  inBundle: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  dependencies: Strings.optional(),
})
const Lock = z.looseObject({ lockfileVersion: z.literal([2, 3]), packages: z.record(z.string(), Locked) })
type Lock = z.output<typeof Lock>

/**
 * The npm packages of a plugin: none without a package.json. Throws BadRequest unless each is of one exact version of
 * the registry, with a checksum in the lock file, and runs nothing when it is installed.
 */
export async function packagesOf(files: PluginFiles): Promise<PluginPackages> {
  const source = files.get(PACKAGE)
  const none = { names: new Set<string>(), files: new Map<string, Buffer>() }
  if (source === undefined) return none
  const described = parse(PACKAGE, source, Package)
  const active = ACTIVE.find((field) => described[field] !== undefined)
  if (active !== undefined) refuse('plugin.install.package_field', { field: active })
  const names = Object.keys(described.dependencies)
  await checkNamed(described.dependencies)
  if (names.length === 0) return none
  const locked = files.get(LOCK)
  if (locked === undefined) refuse('plugin.install.package_lock_missing')
  const lock = checkLock(parse(LOCK, locked, Lock), described.dependencies)
  return { names: new Set(names), files: forNpm(described.dependencies, lock) }
}

function parse<T extends z.ZodType>(file: string, bytes: Buffer, schema: T): z.output<T> {
  try {
    return schema.parse(JSON.parse(bytes.toString()))
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : []
    const reason = issue === undefined ? reasonOf(error) : shown(`${issue.path.join('.')}: ${issue.message}`)
    refuse('plugin.install.package_broken', { file, reason })
  }
}

async function checkNamed(dependencies: Readonly<Record<string, string>>): Promise<void> {
  const product = await productPackages()
  for (const [name, version] of Object.entries(dependencies)) {
    const named = { name: shown(name), version: shown(version) }
    if (!packageName.test(name) || !exact.test(version)) refuse('plugin.install.package_version', named)
    if (product.has(name)) refuse('plugin.install.package_of_product', named)
  }
}

function checkLock(lock: Lock, dependencies: Readonly<Record<string, string>>): Lock {
  const { '': root, ...packages } = lock.packages
  const count = Object.keys(packages).length
  if (count > NPM_LIMITS.packages) refuse('plugin.install.package_many', { max: NPM_LIMITS.packages })
  for (const [name, version] of Object.entries(dependencies))
    if (root?.dependencies?.[name] !== version || packages[`node_modules/${name}`]?.version !== version)
      refuse('plugin.install.package_unlocked', { name, version })
  for (const [path, entry] of Object.entries(packages)) {
    if (entry.dev === true || entry.optional === true) continue
    const params = { name: shown(path.replace(/^.*node_modules\//, '')), version: shown(entry.version ?? '') }
    const isOfRegistry =
      /^node_modules\/[^\\]+$/.test(path) && !path.split('/').includes('..') && isRegistry(entry.resolved)
    if (entry.link === true || entry.inBundle === true || !isOfRegistry || !exact.test(entry.version ?? ''))
      refuse('plugin.install.package_source', params)
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity ?? '')) refuse('plugin.install.package_checksum', params)
    if (entry.hasInstallScript === true) refuse('plugin.install.package_script', params)
  }
  return lock
}

/** Where the lock file says nothing, npm asks the registry that it is set up for; and where it does, it will too. */
const isRegistry = (resolved: string | undefined) =>
  resolved === undefined || /^https?:\/\/[^/]+\/.+\.tgz$/.test(resolved)

/** Addresses are left out, so that a lock file cannot send npm anywhere. */
function forNpm(dependencies: Readonly<Record<string, string>>, lock: Lock): PluginFiles {
  const kept = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  const packages = Object.fromEntries(kept.map(([path, entry]) => [path, { ...entry, resolved: undefined }]))
  const root = { name: 'plugin', version: '0.0.0', dependencies }
  const written = {
    ...root,
    lockfileVersion: lock.lockfileVersion,
    requires: true,
    packages: { '': root, ...packages },
  }
  return new Map([
    [PACKAGE, Buffer.from(JSON.stringify(root))],
    [LOCK, Buffer.from(JSON.stringify(written))],
  ])
}

/** Installs exactly what the lock file names into `node_modules` of a folder that holds both files; runs no script. */
export async function installPackages(folder: string): Promise<void> {
  // The level is said because whoever started the server with `npm run -s` has silenced every npm below it.
  const flags =
    '--ignore-scripts --omit=dev --omit=optional --no-bin-links --no-audit --no-fund --no-update-notifier --loglevel=error'
  const child = spawn('npm', ['ci', ...flags.split(' ')], {
    cwd: folder,
    env: toolEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: process.platform !== 'win32',
    shell: process.platform === 'win32',
  })
  const ended = await runLimited(child, { folder, ms: NPM_LIMITS.ms, bytes: NPM_LIMITS.bytes })
  if (ended.code !== 0) refuse('plugin.install.package_failed', { reason: shown(npmReason(ended)) })
}

/** What npm says of its failure, its code first; never empty, as npm may end without a word. */
export function npmReason({ code, stderr, broke, signal }: Omit<LimitedOutcome, 'stdout'>): string {
  if (broke !== undefined) return `limit of ${broke}`
  const said = [...stderr.matchAll(/^npm error (?:code )?(?!A complete log)(.*\S)/gm)].map(([, text]) => text)
  if (said.length > 0) return said.join(': ')
  return stderr.trim().slice(-200) || `npm ended with ${signal ?? code}`
}

function refuse(key: MessageKey, params: MessageParams = {}): never {
  throw new BadRequest(key, { params })
}
