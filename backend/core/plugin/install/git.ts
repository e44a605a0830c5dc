import { type ChildProcess, spawn } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BadRequest, Forbidden } from '#backend/common/errors'
import { toolEnvironment } from '#backend/core/config'
import { type PluginFiles, pluginFiles } from '#backend/core/plugin/install/archive'
import { checkPath, shown } from '#backend/core/plugin/install/file-names'
import { runLimited } from '#backend/core/plugin/install/limited-process'
import { ARCHIVE_LIMITS, GIT_LIMITS } from '#backend/core/plugin/install/limits'
import { isPublicAddress } from '#backend/core/plugin/install/public-address'
import { makeStagingFolder } from '#backend/core/plugin/install/staging'
import type { MessageKey } from '#backend/locale/translate'

export interface GitOptions {
  /** `host` or `host:port`, as PLUGIN_INSTALL_HOSTS has them. */
  hosts: readonly string[]
  data_dir: string
  /** Every address of a host. */
  resolve?: (host: string) => Promise<readonly string[]>
  /** Whether an address may be connected to; absent: only those of the internet. */
  admits?: (address: string) => boolean
}

/** How hosts are looked up and judged, where it is not by the system and by what is public. */
export type GitReach = Pick<GitOptions, 'resolve' | 'admits'>

/**
 * The files of the newest commit of a repository. Only https, only hosts that are listed, and only where all their
 * addresses are public: the one that was checked is the one that is connected to, and redirects are not followed.
 */
export async function fetchGit(
  repo_url: string,
  { hosts, data_dir, resolve = resolveAll, admits = isPublicAddress }: GitOptions,
): Promise<PluginFiles> {
  const url = checkUrl(repo_url, hosts)
  const addresses = await resolve(url.hostname).catch(() => [])
  const [address] = addresses
  if (address === undefined) throw new BadRequest('plugin.install.git_unresolved', { params: { host: url.hostname } })
  const inner = addresses.find((one) => !admits(one))
  if (inner !== undefined) throw new Forbidden('plugin.install.git_private', { params: { host: url.hostname } })
  return cloneFiles(url, address, data_dir)
}

const resolveAll = async (host: string) =>
  (await lookup(host.replace(/^\[|\]$/g, ''), { all: true })).map(({ address }) => address)

function checkUrl(text: string, hosts: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain =
    url !== undefined &&
    text.length <= 512 &&
    /^https:\/\/[A-Za-z0-9.:[\]-]+\/[A-Za-z0-9._~/-]+$/.test(text) &&
    url.username === '' &&
    url.password === ''
  if (!isPlain) throw new BadRequest('plugin.install.git_url')
  if (!hosts.map((host) => host.toLowerCase()).includes(url.host))
    throw new Forbidden('plugin.install.git_host', { params: { host: shown(url.host) } })
  return url
}

/** Reads the newest commit by way of one address of its host, without a working tree: nothing of it becomes a file. */
export async function cloneFiles(url: URL, address: string, data_dir: string): Promise<PluginFiles> {
  const folder = await makeStagingFolder(data_dir)
  try {
    const repository = join(folder, 'repository')
    await mkdir(join(folder, 'home'))
    await clone(folder, repository, url, address)
    const entries = await listTree(folder, repository)
    return pluginFiles(await readBlobs(folder, repository, entries))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Everything by which a repository, or this machine's own settings, could make git do more than fetch. */
const SAFE: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.symlinks': 'false',
  'credential.helper': '',
  'fetch.fsckObjects': 'true',
  'http.followRedirects': 'false',
  'protocol.allow': 'never',
  'protocol.https.allow': 'always',
  'submodule.recurse': 'false',
  'transfer.bundleURI': 'false',
}

function git(folder: string, args: readonly string[], settings: Readonly<Record<string, string>> = {}): ChildProcess {
  const flags = Object.entries({ ...SAFE, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const { PATH = '', GIT_SSL_CAINFO, SSL_CERT_FILE, SSL_CERT_DIR } = toolEnvironment()
  const certificates = Object.entries({ GIT_SSL_CAINFO, SSL_CERT_FILE, SSL_CERT_DIR })
  return spawn('git', [...flags, ...args], {
    cwd: folder,
    env: {
      PATH,
      // A proxy would connect to whatever address it finds, so none is used.
      NO_PROXY: '*',
      HOME: join(folder, 'home'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: 'https',
      GIT_LFS_SKIP_SMUDGE: '1',
      LC_ALL: 'C',
      ...Object.fromEntries(certificates.filter(([, value]) => value !== undefined)),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  })
}

async function run(folder: string, child: ChildProcess, failure: MessageKey): Promise<Buffer> {
  const { code, stdout, stderr, broke } = await runLimited(child, { folder, ...GIT_LIMITS })
  if (broke !== undefined)
    throw new BadRequest('plugin.install.git_limit', {
      params: { seconds: GIT_LIMITS.ms / 1000, max: GIT_LIMITS.bytes },
    })
  if (code !== 0) {
    const reason = /^(?:fatal|error): (.*)$/m.exec(stderr)?.[1] ?? ''
    throw new BadRequest(failure, { params: { reason: shown(reason) } })
  }
  return stdout
}

async function clone(folder: string, repository: string, url: URL, address: string): Promise<void> {
  await requirePinning(folder)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const pin = `${host}:${url.port === '' ? '443' : url.port}:${address}`
  const what = ['--bare', '--depth=1', '--single-branch', '--no-tags', '--template=', '--no-recurse-submodules']
  const child = git(folder, ['clone', '--quiet', ...what, '--', url.href, repository], { 'http.curloptResolve': pin })
  child.stdin?.end()
  await run(folder, child, 'plugin.install.git_failed')
}

/** Older ones do not know the setting that pins an address, and would say nothing. */
async function requirePinning(folder: string): Promise<void> {
  const child = git(folder, ['version'])
  child.stdin?.end()
  const started = new Promise<never>((_, reject) => {
    child.once('error', reject)
  })
  const text = await Promise.race([run(folder, child, 'plugin.install.git_failed'), started]).catch(() => '')
  const [, major = 0, minor = 0] = /version (\d+)\.(\d+)/.exec(text.toString()) ?? []
  if (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 37))
    throw new BadRequest('plugin.install.git_program', { params: { version: '2.37' } })
}

interface Blob {
  path: string
  id: string
  size: number
}

async function listTree(folder: string, repository: string): Promise<Blob[]> {
  const child = git(folder, ['--git-dir', repository, 'ls-tree', '-r', '-z', '-l', '--full-tree', 'HEAD'])
  child.stdin?.end()
  const listed = await run(folder, child, 'plugin.install.git_failed')
  const blobs = listed
    .toString('latin1')
    .split('\0')
    .filter((line) => line !== '')
    .map(blobOf)
  const total = blobs.reduce((sum, { size }) => sum + size, 0)
  if (blobs.length > ARCHIVE_LIMITS.files)
    throw new BadRequest('plugin.install.archive_many', { params: { max: ARCHIVE_LIMITS.files } })
  if (total > ARCHIVE_LIMITS.total_bytes)
    throw new BadRequest('plugin.install.archive_total_large', { params: { max: ARCHIVE_LIMITS.total_bytes } })
  return blobs
}

/** `mode type id size<TAB>path`; the path is UTF-8 or nothing. */
function blobOf(line: string): Blob {
  const [, mode, type, id = '', size, raw = ''] = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? []
  const file = shown(raw)
  if (mode === '120000' || type !== 'blob') throw new BadRequest('plugin.install.archive_link', { params: { file } })
  let path: string
  try {
    path = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(raw, 'latin1'))
  } catch {
    throw new BadRequest('plugin.install.path_unfit', { params: { file } })
  }
  checkPath(path)
  if (Number(size) > ARCHIVE_LIMITS.file_bytes)
    throw new BadRequest('plugin.install.archive_file_large', { params: { file, max: ARCHIVE_LIMITS.file_bytes } })
  return { path, id, size: Number(size) }
}

/** `id type size<LF>content<LF>` for each of them. */
async function readBlobs(folder: string, repository: string, blobs: readonly Blob[]): Promise<Map<string, Buffer>> {
  const child = git(folder, ['--git-dir', repository, 'cat-file', '--batch'])
  child.stdin?.end(blobs.map(({ id }) => `${id}\n`).join(''))
  const output = await run(folder, child, 'plugin.install.git_failed')
  const files = new Map<string, Buffer>()
  let at = 0
  for (const { path, id, size } of blobs) {
    const head = `${id} blob ${size}\n`
    if (output.toString('latin1', at, at + head.length) !== head) throw new Error(`git does not give the object ${id}`)
    at += head.length
    files.set(path, Buffer.from(output.subarray(at, at + size)))
    at += size + 1
  }
  return files
}
