import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestRecord } from '#backend/core/audit/request-record'
import type { Host } from '#backend/core/host'
import { answerPlainly, type PlainAnswer } from '#backend/core/http-server'
import { negotiateLocale, translate } from '#backend/locale/translate'
import { clientOf, isApiUrl, traceIdOf } from '#backend/utils/request-facts'

/** Refuses a request that this process may not answer now; recorded like every other refusal, with nothing of its body. */
export async function answerOutOfService(host: Host, request: IncomingMessage, response: ServerResponse) {
  const locale = negotiateLocale(request.headers['accept-language'], host.config.I18N_DEFAULT_LANGUAGE)
  const msg = translate(locale, 'process.out_of_service')
  const answer = { code: 503, msg, trace_id: traceIdOf(request.headers) }
  try {
    await record(host, request, answer)
  } catch (error) {
    // The log has counted it; a refusal changes nothing and is given all the same.
    host.log.warn({ err: error }, 'operation log: a refusal is not in it')
  }
  answerPlainly(request, response, answer)
}

async function record(host: Host, request: IncomingMessage, answer: PlainAnswer): Promise<void> {
  const { method = '', url = '/' } = request
  if (host.audit === undefined || method === 'OPTIONS' || !isApiUrl(url)) return
  const answered = {
    trace_id: answer.trace_id,
    username: null,
    method,
    url,
    title: '',
    client: clientOf(request, host.trusted_proxies),
    args: null,
    http_status: answer.code,
    msg: answer.msg,
    cost_ms: 0,
    diff: null,
  }
  await host.audit.append(await requestRecord(answered))
}
