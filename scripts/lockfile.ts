/** An entry of package-lock.json, as far as it matters here. */
export interface Locked {
  version?: string
  dev?: boolean
  license?: string
  engines?: Record<string, string>
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

export interface Lockfile {
  packages: Record<string, Locked>
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const PROCESSORS = ['arm64', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'arm']

/**
 * The builds for other platforms that a package names and the lockfile lacks. npm leaves them out when it locks from a registry
 * that does not have them, and then refuses its own lockfile: `npm ci` fails here, and everywhere else the build that is
 * needed is missing. Their entries follow from the names; only the checksum is unknown.
 */
export function missingBuilds({ packages }: Lockfile): Record<string, Locked> {
  const missing: Record<string, Locked> = {}
  for (const [path, owner] of Object.entries(packages))
    for (const [name, version] of Object.entries(owner.optionalDependencies ?? {}))
      if (path !== '' && !isLocked(packages, path, name))
        missing[`node_modules/${name}`] = entryOf(name, version, owner)
  return missing
}

/** As Node looks for it: beside the files of the package, then in each folder above. */
function isLocked(packages: Record<string, Locked>, path: string, name: string): boolean {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0)))
    if (`${folder}/node_modules/${name}` in packages) return true
  return `node_modules/${name}` in packages
}

function entryOf(name: string, version: string, owner: Locked): Locked {
  const parts = name.slice(name.indexOf('/') + 1).split('-')
  const os = SYSTEMS.find((one) => parts.includes(one))
  const cpu = PROCESSORS.find((one) => parts.includes(one))
  if (os === undefined || cpu === undefined || !/^\d/.test(version))
    throw new Error(`${name}@${version} is not locked, and its name does not tell for which platform it is`)
  const libc = os === 'linux' ? libcOf(name) : undefined
  return {
    version,
    cpu: [cpu],
    ...(owner.dev === true ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    ...(owner.license === undefined ? {} : { license: owner.license }),
    optional: true,
    os: [os],
    ...(owner.engines === undefined ? {} : { engines: owner.engines }),
  }
}

function libcOf(name: string): string | undefined {
  if (/-musl/.test(name)) return 'musl'
  return /-gnu/.test(name) ? 'glibc' : undefined
}

/** The lockfile with them, in npm's own order. */
export function completed(lockfile: Lockfile): Lockfile {
  const entries = Object.entries({ ...lockfile.packages, ...missingBuilds(lockfile) })
  return { ...lockfile, packages: Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b, 'en'))) }
}
