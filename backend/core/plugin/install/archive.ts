import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { zipSync } from 'fflate'
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl'
import { BadRequest } from '#backend/common/errors'
import { checkDistinct, checkPath, isHidden, shown } from '#backend/core/plugin/install/file-names'
import { ARCHIVE_LIMITS } from '#backend/core/plugin/install/limits'
import type { MessageKey } from '#backend/locale/translate'
import { errorText } from '#backend/utils/error-text'

/** Paths with `/` from the plugin's own folder, and what the files hold. */
export type PluginFiles = ReadonlyMap<string, Buffer>

export const MANIFEST = 'plugin.json'
export const SIGNATURE = 'plugin.sig'

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw)

/**
 * The files of an uploaded archive, read into memory: nothing is written. One folder around everything is taken off,
 * hidden files are checked and left out. Throws BadRequest for anything that is not plainly files in folders.
 */
export async function readArchive(zip: Buffer, { bytes_max }: { bytes_max: number }): Promise<PluginFiles> {
  if (zip.length > bytes_max) throw new BadRequest('plugin.install.archive_large', { params: { max: bytes_max } })
  const entries = await readEntries(zip)
  return pluginFiles(entries)
}

/** As an archive is read: without hidden files and the folder around everything. Also for files from elsewhere. */
export function pluginFiles(entries: ReadonlyMap<string, Buffer>): PluginFiles {
  checkDistinct([...entries.keys()])
  const kept = [...entries].filter(([path]) => !isHidden(path))
  const [top = ''] = kept[0]?.[0].split('/') ?? []
  const wrapped = !kept.some(([path]) => path === MANIFEST) && kept.every(([path]) => path.startsWith(`${top}/`))
  const named = kept.map(([path, bytes]): [string, Buffer] => [wrapped ? path.slice(top.length + 1) : path, bytes])
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface Placed {
  path: string
  entry: Entry
  /** Where its header begins, and where its content begins and ends. */
  start: number
  content: number
  end: number
}

async function readEntries(zip: Buffer): Promise<Map<string, Buffer>> {
  const placed = await locate(zip)
  checkPlaces(placed)
  checkDistinct(placed.map(({ path }) => path))
  const files = new Map<string, Buffer>()
  for (const one of placed) {
    const bytes = await contentOf(zip, one)
    if (!one.path.endsWith('/')) files.set(one.path, bytes)
  }
  return files
}

/** Every entry with its place, all that can be told without unpacking checked. */
async function locate(zip: Buffer): Promise<Placed[]> {
  const placed: Placed[] = []
  let total = 0
  try {
    const file = await fromBufferPromise(zip, { lazyEntries: true, decodeStrings: false })
    if (file.entryCount > ARCHIVE_LIMITS.files) refuse('plugin.install.archive_many', '', ARCHIVE_LIMITS.files)
    for await (const entry of file.eachEntry()) {
      const path = pathOf(entry)
      checkEntry(path, entry)
      total += entry.uncompressedSize
      if (total > ARCHIVE_LIMITS.total_bytes)
        refuse('plugin.install.archive_total_large', path, ARCHIVE_LIMITS.total_bytes)
      placed.push(await placeOf(file, path, entry))
    }
  } catch (error) {
    if (error instanceof BadRequest) throw error
    throw new BadRequest('plugin.install.archive_broken', { params: { reason: reasonOf(error) }, cause: error })
  }
  return placed
}

async function placeOf(file: ZipFile, path: string, entry: Entry): Promise<Placed> {
  const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true })
  const end = fileDataStart + entry.compressedSize
  return { path, entry, start: entry.relativeOffsetOfLocalHeader, content: fileDataStart, end }
}

const FLAG_UTF8 = 0x800

/** Names are UTF-8 and said to be; older code pages mean something else to every reader. */
function pathOf({ fileNameRaw, generalPurposeBitFlag }: Entry): string {
  const isAscii = fileNameRaw.every((byte) => byte < 0x80)
  try {
    if (!isAscii && (generalPurposeBitFlag & FLAG_UTF8) === 0) throw new RangeError('not marked as UTF-8')
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(fileNameRaw)
  } catch {
    throw new BadRequest('plugin.install.path_unfit', { params: { file: shown(fileNameRaw.toString('latin1')) } })
  }
}

const MODE = { type: 0o170000, regular: 0o100000, folder: 0o040000, link: 0o120000, special_bits: 0o7000 }
const DOS_REPARSE_POINT = 0x400
/** Holds the target of a link where it is longer than its fixed fields. */
const PKWARE_UNIX = { id: 0x000d, fixed_bytes: 12 }
const FLAG_ENCRYPTED = 0x1
const FLAG_STRONG_ENCRYPTION = 0x40
const METHOD = { stored: 0, deflated: 8 }

function checkEntry(path: string, entry: Entry): void {
  checkPath(path)
  checkKind(path, entry)
  const { generalPurposeBitFlag: flags, compressionMethod, compressedSize, uncompressedSize } = entry
  if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION)) !== 0) refuse('plugin.install.archive_encrypted', path)
  if (compressionMethod !== METHOD.stored && compressionMethod !== METHOD.deflated)
    refuse('plugin.install.archive_method', path)
  if (uncompressedSize > ARCHIVE_LIMITS.file_bytes)
    refuse('plugin.install.archive_file_large', path, ARCHIVE_LIMITS.file_bytes)
  const isBomb =
    uncompressedSize > ARCHIVE_LIMITS.ratio_from_bytes && uncompressedSize > compressedSize * ARCHIVE_LIMITS.ratio
  if (isBomb) refuse('plugin.install.archive_bomb', path, ARCHIVE_LIMITS.ratio)
  if (path.endsWith('/') && uncompressedSize > 0) refuse('plugin.install.archive_special', path)
}

/** Plain files and folders only: whatever system packed it, every mark of another kind counts. */
function checkKind(path: string, { externalFileAttributes, extraFields }: Entry): void {
  const mode = externalFileAttributes >>> 16
  const type = mode & MODE.type
  const links = extraFields.some(({ id, data }) => id === PKWARE_UNIX.id && data.length > PKWARE_UNIX.fixed_bytes)
  if (type === MODE.link || links || (externalFileAttributes & DOS_REPARSE_POINT) !== 0)
    refuse('plugin.install.archive_link', path)
  const expected = path.endsWith('/') ? MODE.folder : MODE.regular
  if ((type !== 0 && type !== expected) || (mode & MODE.special_bits) !== 0)
    refuse('plugin.install.archive_special', path)
}

/** Entries that share bytes are how a few kilobytes become petabytes. */
function checkPlaces(placed: readonly Placed[]): void {
  const ordered = placed.toSorted((a, b) => a.start - b.start)
  for (const [index, { path, end }] of ordered.entries()) {
    const next = ordered[index + 1]
    if (next !== undefined && end > next.start) refuse('plugin.install.archive_overlap', path)
  }
}

async function contentOf(zip: Buffer, { path, entry, content, end }: Placed): Promise<Buffer> {
  const packed = zip.subarray(content, end)
  const bytes = entry.compressionMethod === METHOD.stored ? Buffer.from(packed) : await unpack(path, packed, entry)
  if (bytes.length !== entry.uncompressedSize) refuse('plugin.install.archive_size', path)
  if (crc32(bytes) !== entry.crc32) refuse('plugin.install.archive_checksum', path)
  return bytes
}

/** Gives up at the first byte beyond the declared size. */
async function unpack(path: string, packed: Buffer, { uncompressedSize }: Entry): Promise<Buffer> {
  try {
    return await inflate(packed, { maxOutputLength: Math.max(uncompressedSize, 1) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') refuse('plugin.install.archive_size', path)
    throw new BadRequest('plugin.install.archive_broken', { params: { reason: reasonOf(error) }, cause: error })
  }
}

function refuse(key: MessageKey, path: string, max = 0): never {
  throw new BadRequest(key, { params: { file: shown(path), max } })
}

export const reasonOf = (error: unknown): string => shown(errorText(error))

/** The same files always give the same bytes. */
export function writeArchive(files: PluginFiles): Buffer {
  const packed = Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
  // Local time is what a ZIP file stores, so that this is the same everywhere.
  return Buffer.from(zipSync(packed, { level: 6, mtime: new Date(1980, 0, 1), os: 3 }))
}

/** What identifies a plugin's content, and what is signed: SHA-256 over every file but the signature, in hexadecimal. */
export function digestOf(files: PluginFiles): string {
  const hash = createHash('sha256')
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (path !== SIGNATURE) hash.update(`${Buffer.byteLength(path)}:${path}${bytes.length}:`).update(bytes)
  return hash.digest('hex')
}
