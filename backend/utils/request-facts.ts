import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { clientAddress, type TrustedProxies } from '#backend/utils/client-address'

const TRACE_ID = /^[A-Za-z0-9-]{1,64}$/
const USER_AGENT_MAX = 512

/** The trace id that the client has given, where it is one, or a new one. */
export function traceIdOf(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && TRACE_ID.test(given) ? given : randomUUID().replaceAll('-', '')
}

/** As the router reads it: a request line may name the host too, which is sent to proxies and taken by every server. */
const ORIGIN = /^https?:\/\/.*?\//

/** The part of a URL before the query, which the router lets begin with `#` as well. */
export function pathOf(url: string): string {
  const local = url.startsWith('/') ? url : url.replace(ORIGIN, '/')
  const end = local.search(/[?#]/)
  return end < 0 ? local : local.slice(0, end)
}

/** Whether it lies below /api, however it is spelled: the router takes `/%61pi/` for the same. */
export function isApiUrl(url: string): boolean {
  const path = pathOf(url)
  return path.startsWith('/api/') || decoded(path).startsWith('/api/')
}

function decoded(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/** Who asks: the address that counts, and the head of what the client calls itself. */
export function clientOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, trusted: TrustedProxies) {
  const ip = clientAddress(
    {
      remote: socket.remoteAddress,
      forwarded_for: first(headers['x-forwarded-for']),
      real_ip: first(headers['x-real-ip']),
    },
    trusted,
  )
  return { ip, user_agent: headers['user-agent']?.slice(0, USER_AGENT_MAX) }
}

/** Several headers of one name are one list. */
function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}
