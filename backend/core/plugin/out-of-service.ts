import type { IncomingMessage, ServerResponse } from 'node:http'
import { cleanText } from '#backend/common/clean-text'
import type { AuditRecord } from '#backend/core/audit/record'
import type { Host } from '#backend/core/host'
import { answerPlainly, type PlainAnswer } from '#backend/core/http-server'
import { negotiateLocale, translate } from '#backend/locale/translate'
import { locateIp } from '#backend/utils/ip-location'
import { clientOf, isApiUrl, pathOf, traceIdOf } from '#backend/utils/request-facts'
import { parseUserAgent } from '#backend/utils/user-agent'

/** Refuses a request that this process may not answer now; recorded like every other refusal, with nothing of its body. */
export async function answerOutOfService(host: Host, request: IncomingMessage, response: ServerResponse) {
  const { headers, url = '/' } = request
  const locale = negotiateLocale(headers['accept-language'], host.config.I18N_DEFAULT_LANGUAGE)
  const answer = { code: 503, msg: translate(locale, 'process.out_of_service'), trace_id: traceIdOf(headers) }
  if (isApiUrl(url) && host.audit !== undefined) {
    const record = await recordOf(host, request, answer)
    // One that cannot be kept is counted by the log; the refusal changes nothing and is given all the same.
    await host.audit.append(record).catch(() => undefined)
  }
  answerPlainly(request, response, answer)
}

async function recordOf(host: Host, request: IncomingMessage, answer: PlainAnswer): Promise<AuditRecord> {
  const client = clientOf(request, host.trusted_proxies)
  const { user_agent, os, browser, device } = parseUserAgent(client.user_agent)
  return {
    trace_id: answer.trace_id,
    username: null,
    method: cleanText(request.method ?? '', 32),
    title: '',
    path: cleanText(pathOf(request.url ?? '/'), 512),
    ip: client.ip,
    ...(await locateIp(client.ip)),
    user_agent: cleanText(user_agent, 512),
    os,
    browser,
    device,
    args: null,
    status: 0,
    code: String(answer.code),
    msg: answer.msg,
    cost_time: 0,
    opera_time: new Date().toISOString(),
    diff: null,
  }
}
