import { crc32, deflateRawSync } from 'node:zlib'

/** One entry, written as asked, whether or not that is a sound archive. */
export interface CraftedEntry {
  name: string | Buffer
  content?: string | Buffer
  /** Permission bits and kind, as UNIX has them. */
  mode?: number
  /** The attributes whole, where they are not UNIX's. */
  attributes?: number
  flags?: number
  method?: number
  /** What the headers say; default: the truth. */
  declared_size?: number
  declared_crc?: number
  extra?: Buffer
  /** Index of an entry whose header and content this one shares. */
  shares?: number
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const UTF8 = 0x800
const MADE_BY_UNIX = 0x0314
const REGULAR = 0o100644
const DATE = 0x21

interface Written {
  entry: CraftedEntry
  name: Buffer
  packed: Buffer
  offset: number
}

/** An archive byte by byte: libraries refuse to write most of what has to be refused. */
export function craftZip(
  entries: readonly CraftedEntry[],
  { count = entries.length }: { count?: number } = {},
): Buffer {
  const parts: Buffer[] = []
  const written: Written[] = []
  let offset = 0
  for (const entry of entries) {
    const name = Buffer.from(entry.name)
    const shared = entry.shares === undefined ? undefined : written[entry.shares]
    if (shared !== undefined) {
      written.push({ entry: shared.entry, name, packed: shared.packed, offset: shared.offset })
      continue
    }
    const packed = pack(entry)
    const header = local(entry, name, packed)
    parts.push(header, packed)
    written.push({ entry, name, packed, offset })
    offset += header.length + packed.length
  }
  const directory = Buffer.concat(written.map(central))
  return Buffer.concat([...parts, directory, ending(count, directory.length, offset)])
}

const contentOf = ({ content = '' }: CraftedEntry) => Buffer.from(content)
const methodOf = ({ method = 8 }: CraftedEntry) => method
const sizeOf = (entry: CraftedEntry) => entry.declared_size ?? contentOf(entry).length
const crcOf = (entry: CraftedEntry) => entry.declared_crc ?? crc32(contentOf(entry))
const pack = (entry: CraftedEntry) => (methodOf(entry) === 8 ? deflateRawSync(contentOf(entry)) : contentOf(entry))

function local(entry: CraftedEntry, name: Buffer, packed: Buffer): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(LOCAL, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(entry.flags ?? UTF8, 6)
  header.writeUInt16LE(methodOf(entry), 8)
  header.writeUInt16LE(DATE, 12)
  header.writeUInt32LE(crcOf(entry), 14)
  header.writeUInt32LE(packed.length, 18)
  header.writeUInt32LE(sizeOf(entry), 22)
  header.writeUInt16LE(name.length, 26)
  return Buffer.concat([header, name])
}

function central({ entry, name, packed, offset }: Written): Buffer {
  const { flags = UTF8, mode = REGULAR, attributes = (mode << 16) >>> 0, extra = Buffer.alloc(0) } = entry
  const header = Buffer.alloc(46)
  header.writeUInt32LE(CENTRAL, 0)
  header.writeUInt16LE(MADE_BY_UNIX, 4)
  header.writeUInt16LE(20, 6)
  header.writeUInt16LE(flags, 8)
  header.writeUInt16LE(methodOf(entry), 10)
  header.writeUInt16LE(DATE, 14)
  header.writeUInt32LE(crcOf(entry), 16)
  header.writeUInt32LE(packed.length, 20)
  header.writeUInt32LE(sizeOf(entry), 24)
  header.writeUInt16LE(name.length, 28)
  header.writeUInt16LE(extra.length, 30)
  header.writeUInt32LE(attributes, 38)
  header.writeUInt32LE(offset, 42)
  return Buffer.concat([header, name, extra])
}

function ending(count: number, directory_bytes: number, directory_offset: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(directory_bytes, 12)
  end.writeUInt32LE(directory_offset, 16)
  return end
}

/** An extra field of an entry. */
export function extraField(id: number, content: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id, 0)
  head.writeUInt16LE(content.length, 2)
  return Buffer.concat([head, content])
}
