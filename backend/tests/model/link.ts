import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The way from one process to a server, which a test makes slow or cuts. */
export interface Link {
  port: number
  isCut(): boolean
  /** Breaks all connections and lets no new one through. */
  cut(): void
  /** Lets connections through again, only so many where that is said. */
  mend(connections?: number): void
  close(): Promise<void>
}

export interface LinkOptions {
  /** Where the server listens, on 127.0.0.1. */
  port: number
  /** How long everything takes on its way to the server. */
  lag_ms?: number
  /** What the server says takes as long as it is asked for, on connections over which this text was sent. */
  deaf?: { said: string; lag_ms: () => number }
}

export async function openLink(options: LinkOptions): Promise<Link> {
  const sockets = new Set<Socket>()
  let admitted = Number.POSITIVE_INFINITY
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay()
    // Whoever breaks off says so by an error here and a close there.
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((client) => {
    if (admitted === 0) return void client.destroy()
    admitted -= 1
    join(keep(client), keep(connect(options.port, '127.0.0.1')), options)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    isCut: () => admitted === 0,
    cut() {
      admitted = 0
      breakAll()
    },
    mend(connections = Number.POSITIVE_INFINITY) {
      admitted = connections
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      breakAll()
      await closed
    },
  }
}

function join(client: Socket, upstream: Socket, { lag_ms = 0, deaf }: LinkOptions): void {
  const ask = delayed(upstream)
  const answer = delayed(client)
  let isDeaf = false
  client.on('data', (chunk) => {
    if (deaf !== undefined && chunk.includes(deaf.said)) isDeaf = true
    ask(chunk, lag_ms)
  })
  upstream.on('data', (chunk) => answer(chunk, isDeaf ? (deaf?.lag_ms() ?? 0) : 0))
  client.once('close', () => upstream.destroy())
  upstream.once('close', () => client.destroy())
}

/** Writes late, but in order also when the lag changes. */
function delayed(to: Socket): (chunk: Buffer, lag_ms: number) => void {
  const queue: { chunk: Buffer; due: number }[] = []
  const flush = () => {
    const first = queue[0]
    if (first === undefined || !to.writable) return
    const left_ms = first.due - performance.now()
    if (left_ms > 0) return void setTimeout(flush, left_ms)
    to.write(first.chunk)
    queue.shift()
    flush()
  }
  return (chunk, lag_ms) => {
    if (lag_ms === 0 && queue.length === 0) return void to.write(chunk)
    queue.push({ chunk, due: performance.now() + lag_ms })
    if (queue.length === 1) flush()
  }
}
