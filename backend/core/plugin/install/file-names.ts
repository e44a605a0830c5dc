import { BadRequest } from '#backend/common/errors'
import { ARCHIVE_LIMITS } from '#backend/core/plugin/install/limits'

/** A name for a message: one line, bounded, nothing invisible. */
export function shown(name: string): string {
  const visible = name.replace(/[\p{C}\p{Z}]/gu, (character) =>
    character === ' ' ? ' ' : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
  return visible.length > 120 ? `${visible.slice(0, 117)}...` : visible
}

/** What some system cannot store, or would take for something else. */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}<>:"|?*\\]/u
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/** Throws unless a path from an archive stays inside, and means the same file on every system. */
export function checkPath(path: string): void {
  const file = shown(path)
  if (path.startsWith('/') || path.startsWith('\\') || /^[A-Za-z]:/.test(path))
    throw new BadRequest('plugin.install.path_absolute', { params: { file } })
  const parts = path.replace(/\/$/, '').split('/')
  if (parts.some((part) => part === '..' || part === '.'))
    throw new BadRequest('plugin.install.path_outside', { params: { file } })
  if (path.length > ARCHIVE_LIMITS.name_length || parts.some((part) => !isPortable(part)))
    throw new BadRequest('plugin.install.path_unfit', { params: { file } })
  if (parts.length > ARCHIVE_LIMITS.depth)
    throw new BadRequest('plugin.install.path_deep', { params: { file, max: ARCHIVE_LIMITS.depth } })
  if (parts.includes('node_modules')) throw new BadRequest('plugin.install.path_node_modules', { params: { file } })
}

function isPortable(part: string): boolean {
  return part !== '' && !UNFIT.test(part) && !DEVICE.test(part) && !/[. ]$/.test(part) && !part.startsWith(' ')
}

/** Under which a file system that ignores case or forms of letters would keep a path. */
export const foldedPath = (path: string): string => path.normalize('NFKC').toLowerCase()

/** Throws where two paths are one file to some file system, or one is a folder of the other. */
export function checkDistinct(paths: readonly string[]): void {
  const known = new Map<string, string>()
  for (const path of paths) {
    const folded = foldedPath(path)
    const other = known.get(folded)
    if (other !== undefined)
      throw new BadRequest('plugin.install.path_twice', { params: { file: shown(path), other: shown(other) } })
    known.set(folded, path)
  }
  for (const [folded, path] of known)
    for (let at = folded.lastIndexOf('/'); at > 0; at = folded.lastIndexOf('/', at - 1)) {
      const other = known.get(folded.slice(0, at))
      if (other !== undefined)
        throw new BadRequest('plugin.install.path_twice', { params: { file: shown(path), other: shown(other) } })
    }
}

/** Files that tools and desktops leave behind; no part of a plugin. */
export const isHidden = (path: string): boolean =>
  path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX')
