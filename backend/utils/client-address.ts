import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net'
import { LRUCache } from 'lru-cache'

export type TrustedProxies = (address: string) => boolean

export type ForwardedAddress = {
  /** The peer of the socket; undefined on a unix socket. */
  remote: string | undefined
  /** The X-Forwarded-For header, several of one name joined by commas. */
  forwarded_for?: string | undefined
  /** The X-Real-IP header. */
  real_ip?: string | undefined
}

/** Stands for an address that is not known, so that what is stored is always an address. */
const UNKNOWN = '0.0.0.0'

const MAPPED = '::ffff:'

/** Takes IPv4 and IPv6 addresses and CIDR blocks; throws on anything else, naming the entry. */
export function parseTrustedProxies(list: readonly string[]): TrustedProxies {
  const trusted = new BlockList()
  for (const entry of list) addTrusted(trusted, entry)
  if (list.length === 0) return () => false
  const answers = new LRUCache<string, boolean>({ max: 10_000 })
  return (address) => {
    const known = answers.get(address)
    if (known !== undefined) return known
    const normal = normalizeAddress(address)
    const answer = normal !== undefined && trusted.check(normal, isIPv4(normal) ? 'ipv4' : 'ipv6')
    answers.set(address, answer)
    return answer
  }
}

function addTrusted(trusted: BlockList, entry: string): void {
  const [text = '', bits, ...rest] = entry.trim().split('/')
  const address = normalizeAddress(text)
  if (address === undefined || rest.length > 0) throw notTrustable(entry)
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  if (bits === undefined) {
    trusted.addAddress(address, family)
    return
  }
  // A block of mapped addresses is a block of the IPv4 addresses inside, 96 bits shorter.
  const prefix = Number(bits) - (family === 'ipv4' && text.includes(':') ? 96 : 0)
  if (!/^\d{1,3}$/.test(bits) || prefix < 0 || prefix > (family === 'ipv4' ? 32 : 128)) throw notTrustable(entry)
  trusted.addSubnet(address, prefix, family)
}

function notTrustable(entry: string): Error {
  return new Error(`not an IP address or CIDR block: '${entry}'`)
}

/**
 * The address of the client, at most 45 characters. A header is believed only as far as trusted hops vouch for it:
 * X-Forwarded-For is read from the right, each entry having been written by the hop to its right, and the first one
 * that is not itself a trusted proxy is the client. What is not an address ends the walk: whatever stands left of it
 * nobody has vouched for. X-Real-IP counts only without X-Forwarded-For.
 */
export function clientAddress({ remote, forwarded_for, real_ip }: ForwardedAddress, trusted: TrustedProxies): string {
  const peer = normalizeAddress(remote ?? '')
  if (peer === undefined) return UNKNOWN
  if (!trusted(peer)) return peer
  const hops = (forwarded_for ?? '').split(',').filter((hop) => hop.trim() !== '')
  if (hops.length === 0) return withoutPort(real_ip ?? '') ?? peer
  let client = peer
  for (const hop of hops.reverse()) {
    const address = withoutPort(hop)
    if (address === undefined) return client
    client = address
    if (!trusted(client)) return client
  }
  return client
}

/** Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string | undefined {
  const text = hop.trim()
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(text) ?? []
  return normalizeAddress(bracketed ?? dotted ?? text)
}

/** One spelling for one address: IPv6 compressed, without a zone, and IPv4 where it is only dressed as IPv6. */
export function normalizeAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  // How a server that listens on both families names each of its IPv4 clients.
  if (text.startsWith(MAPPED) && isIPv4(text.slice(MAPPED.length))) return text.slice(MAPPED.length)
  const [address = ''] = text.split('%')
  if (isIP(address) !== 6) return undefined
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address
  const dotted = canonical.startsWith(MAPPED) ? canonical.slice(MAPPED.length) : ''
  return isIPv4(dotted) ? dotted : canonical
}

/**
 * The network that one client can be assumed to hold: /24 of an IPv4, /48 of an IPv6 address. Counting failures by
 * it keeps somebody with a whole block from having a fresh count for each of its addresses.
 */
export function networkOf(ip: string): string {
  const address = normalizeAddress(ip) ?? UNKNOWN
  if (isIPv4(address)) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  // Without '::' all eight groups are spelled out; with it, the groups the head does not name may be zeros only.
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const whole = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ? tail.split(':') : [])]
  return `${normalizeAddress(`${whole.slice(0, 3).join(':')}::`)}/48`
}
