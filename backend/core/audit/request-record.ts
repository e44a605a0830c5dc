import { cleanText } from '#backend/common/clean-text'
import type { AuditRecord } from '#backend/core/audit/record'
import type { Client } from '#backend/core/ctx'
import { locateIp } from '#backend/utils/ip-location'
import { pathOf } from '#backend/utils/request-facts'
import { parseUserAgent } from '#backend/utils/user-agent'

/** A request and its answer, its texts as long as they are. */
export interface Answered extends Pick<AuditRecord, 'trace_id' | 'username' | 'title' | 'args' | 'msg' | 'diff'> {
  method: string
  url: string
  client: Client
  /** HTTP status. */
  http_status: number
  /** Of the envelope, where there is one. */
  code?: number | undefined
  cost_ms: number
}

/** What the operation log keeps of it. At once, unless the place of the address has to be looked up. */
export function requestRecord(answered: Answered): AuditRecord | Promise<AuditRecord> {
  const place = locateIp(answered.client.ip)
  return place instanceof Promise ? place.then((found) => recordOf(answered, found)) : recordOf(answered, place)
}

function recordOf(answered: Answered, place: Awaited<ReturnType<typeof locateIp>>): AuditRecord {
  const { trace_id, username, method, title, url, client, args, http_status, code, msg, cost_ms, diff } = answered
  const { user_agent, os, browser, device } = parseUserAgent(client.user_agent)
  return {
    trace_id,
    username: username === null ? null : cleanText(username, 64),
    method: cleanText(method, 32),
    title: cleanText(title, 256),
    path: cleanText(pathOf(url), 512),
    ip: cleanText(client.ip, 64),
    country: place.country,
    region: place.region,
    city: place.city,
    user_agent: cleanText(user_agent, 512),
    os,
    browser,
    device,
    args,
    status: http_status < 400 ? 1 : 0,
    code: String(code ?? http_status),
    msg: msg === null ? null : cleanText(msg, 2000),
    cost_time: Math.round(cost_ms * 1000) / 1000,
    opera_time: new Date(Date.now() - cost_ms).toISOString(),
    diff,
  }
}
