import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createInFlight } from '#backend/core/in-flight'
import type { Log } from '#backend/core/log'
import { type MessageKey, translate } from '#backend/locale/translate'
import { traceIdOf } from '#backend/utils/request-facts'

export type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** The one server of the process: whatever handles its requests comes and goes, its connections stay. */
export interface HttpServer {
  readonly server: Server
  /** Returns the URL. */
  listen(options: { host: string; port: number }): Promise<string>
  /** Takes no more connections and resolves when all that was under way is answered, or broken off after `limit_ms`. */
  stop(limit_ms: number): Promise<void>
}

const KEEP_ALIVE_MS = 72_000

export function createHttpServer(handle: Handle, log: Log): HttpServer {
  const answering = createInFlight<ServerResponse>()
  let stopping = false
  const take: Handle = (request, response) => {
    const leave = answering.add(response)
    response.once('close', () => {
      leave()
      // An answer whose headers were out already has left its connection open.
      if (stopping) setImmediate(() => server.closeIdleConnections())
    })
    if (stopping) response.shouldKeepAlive = false
    handle(request, response)
  }
  // A request without `Host` is refused, and an `Expect` that nobody knows ignored, by the application: what Node answers by
  // itself is in no operation log.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, requireHostHeader: false }, take)
  server.on('checkExpectation', take)
  server.on('clientError', answerMalformed)
  return {
    server,
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, () => {
          server.off('error', reject)
          resolve()
        })
      })
      const url = urlOf(server.address() as AddressInfo)
      log.info({}, `Server listening at ${url}`)
      return url
    },
    stop(limit_ms) {
      stopping = true
      // Said before the headers go out, it makes the connection end with the answer.
      for (const response of answering.values()) response.shouldKeepAlive = false
      return new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), limit_ms)
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        server.closeIdleConnections()
      })
    },
  }
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** Answers without any instance of the application, in its envelope. */
export function answerPlainly(request: IncomingMessage, response: ServerResponse, answer: PlainAnswer): void {
  const body = bodyOf(answer.code, answer.msg, answer.trace_id)
  response.writeHead(answer.code, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-request-id': answer.trace_id,
    'retry-after': '1',
    // What is sent along is not read.
    connection: 'close',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

export interface PlainAnswer {
  code: number
  msg: string
  trace_id: string
}

function bodyOf(code: number, msg: string, trace_id: string): string {
  return JSON.stringify({ code, msg, data: null, trace_id })
}

const STATUS: Readonly<Record<string, [number, string, MessageKey]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'error.too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'error.malformed'],
}

/** What is no HTTP reaches no handler. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, reason, key] = STATUS[error.code ?? ''] ?? [400, 'Bad Request', 'error.malformed']
  const body = bodyOf(status, translate('zh-CN', key), traceIdOf({}))
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
