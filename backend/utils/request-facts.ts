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

/** The part of a URL before the query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

export const isApiUrl = (url: string): boolean => url.startsWith('/api/')

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
