import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { BlockList, isIPv4 } from 'node:net'
import { Header, HeaderInfoLength, IPv4, newWithBuffer, versionFromHeader, XdbStructure30 } from 'ip2region.js'
import { LRUCache } from 'lru-cache'
import { normalizeAddress } from '#backend/utils/client-address'

export type Place = Readonly<{ country: string | null; region: string | null; city: string | null }>
/** At once where it is remembered. */
export type IpLocator = (ip: string) => Place | Promise<Place>

const NOWHERE: Place = { country: null, region: null, city: null }
const NAME_MAX = 64
const BUNDLED = 'ip2region-ts/data/ip2region.xdb'

/** The place of a public IPv4 address by the bundled data; every other address is nowhere. */
export const locateIp: IpLocator = createIpLocator()

/**
 * Locates by an IPv4 xdb file, by default the bundled one, read into memory (11 MB) at the first question. A file
 * that cannot be used is reported once, and then every address is nowhere.
 */
export function createIpLocator(
  path?: string,
  report: (error: Error) => void = (error) => process.emitWarning(error),
): IpLocator {
  const places = new LRUCache<string, Place>({ max: 10_000 })
  let search: Promise<Search> | undefined

  async function locate(ip: string): Promise<Place> {
    const address = normalizeAddress(ip)
    if (address === undefined || !isIPv4(address) || notPublic.check(address)) return NOWHERE
    search ??= openSearch(path).catch((cause: unknown) => {
      report(new Error('IP addresses are not located: the xdb file cannot be used', { cause }))
      return async () => NOWHERE
    })
    return (await search)(address)
  }

  async function locateAnew(ip: string): Promise<Place> {
    const place = await locate(ip)
    places.set(ip, place)
    return place
  }

  return (ip) => places.get(ip) ?? locateAnew(ip)
}

type Search = (address: string) => Promise<Place>

async function openSearch(path?: string): Promise<Search> {
  const content = await readFile(path ?? createRequire(import.meta.url).resolve(BUNDLED))
  const header = new Header(content.subarray(0, HeaderInfoLength))
  if (versionFromHeader(header) !== IPv4) throw new Error('not an IPv4 xdb file')
  const searcher = newWithBuffer(IPv4, content)
  // Older files have a field for the part of the country between the country and the region.
  const [region, city] = header.version === XdbStructure30 ? [1, 2] : [2, 3]
  return async (address) => {
    // The reader is asynchronous, though its types do not say so.
    const fields = (await Promise.resolve(searcher.search(address))).split('|')
    const country = name(fields[0])
    return country === null ? NOWHERE : { country, region: name(fields[region]), city: name(fields[city]) }
  }
}

/** The data spells 'not known' as 0. */
function name(field: string | undefined): string | null {
  return field === undefined || field === '' || field === '0' ? null : field.slice(0, NAME_MAX)
}

/** Addresses of private, local and reserved networks; the data calls some of them by the name of a company. */
const notPublic = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  notPublic.addSubnet(network, prefix)
}
