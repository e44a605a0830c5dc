import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PacedOptions {
  url: string
  method: string
  /** Of the connection with this number. */
  headers: (index: number) => Readonly<Record<string, string>>
  body?: string
  connections: number
  seconds: number
  /** Requests per second of all connections together. */
  rate: number
}

/**
 * Milliseconds of each answer at a steady rate, counted from when its request was due: one that had to wait for an
 * answer before it has taken longer, and nobody else is asked less for it. Rejects on an answer that is not 200.
 *
 * On bare sockets: a client that takes as much of the machine as the server would measure itself.
 */
export async function paced(options: PacedOptions): Promise<number[]> {
  const { connections, rate, seconds } = options
  const pause_ms = (1000 * connections) / rate
  const times: number[] = []
  const sockets = await Promise.all(Array.from({ length: connections }, () => opened(options.url)))
  const begun = performance.now()
  async function connection(socket: Socket, index: number): Promise<void> {
    const request = requestOf(options, index)
    for (let due = (pause_ms * index) / connections; due < seconds * 1000; due += pause_ms) {
      const early_ms = due - (performance.now() - begun)
      if (early_ms > 0) await sleep(early_ms)
      await answered(socket, request)
      times.push(performance.now() - begun - due)
    }
  }
  try {
    await Promise.all(sockets.map(connection))
    return times
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

async function opened(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return socket
}

function requestOf({ url, method, headers, body = '' }: PacedOptions, index: number): Buffer {
  const { host, pathname, search } = new URL(url)
  const fields = { host, ...headers(index), 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** Resolves once the whole answer is there, which has to say how long it is. */
function answered(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing: number | undefined
    const settle = (error?: Error) => {
      socket.off('data', take).off('error', settle).off('close', closed)
      if (error === undefined) resolve()
      else reject(error)
    }
    const closed = () => settle(new Error('the connection was closed before the answer'))
    const take = (chunk: Buffer) => {
      missing ??= lengthOf(chunk)
      if (missing === undefined) return settle(new Error(`answered with ${chunk.toString()}`))
      missing -= chunk.length
      if (missing <= 0) settle()
    }
    socket.on('data', take).once('error', settle).once('close', closed)
    socket.write(request)
  })
}

/** Of the whole answer that begins so; undefined: it is not 200, or does not say. */
function lengthOf(chunk: Buffer): number | undefined {
  const head_end = chunk.indexOf('\r\n\r\n')
  const head = chunk.toString('latin1', 0, head_end)
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (head_end < 0 || length === undefined || !head.startsWith('HTTP/1.1 200 ')) return undefined
  return head_end + 4 + Number(length)
}
