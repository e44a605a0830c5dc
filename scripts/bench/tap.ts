import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

export interface Statement {
  text: string
  values: (string | null)[]
}

export interface Tap {
  /** As the given URL, but through the tap. */
  url: string
  /** The statements with values that are sent while `work` runs. */
  record(work: () => Promise<unknown>): Promise<Statement[]>
  close(): void
}

/** Stands between a client and its PostgreSQL, passes everything on, and can tell which statements came by. */
export async function tapPostgres(database_url: string): Promise<Tap> {
  const target = new URL(database_url)
  const sockets = new Set<Socket>()
  let recorded: Statement[] | undefined
  const server = createServer((client) => {
    const upstream = createConnection({ host: target.hostname, port: Number(target.port || 5432) })
    const read = statementReader((statement) => recorded?.push(statement))
    client.on('data', read)
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = new URL(database_url)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    async record(work) {
      const found: Statement[] = []
      recorded = found
      try {
        await work()
      } finally {
        recorded = undefined
      }
      return found
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const LENGTH_BYTES = 4

/** Reads what a client sends: first a message without a type, then messages of a type byte and a length each. */
function statementReader(found: (statement: Statement) => void): (chunk: Buffer) => void {
  const texts = new Map<string, string>()
  let pending = Buffer.alloc(0)
  let has_begun = false
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const type_bytes = has_begun ? 1 : 0
      if (pending.length < type_bytes + LENGTH_BYTES) return
      const end = type_bytes + pending.readInt32BE(type_bytes)
      if (pending.length < end) return
      const type = has_begun ? pending.toString('latin1', 0, 1) : ''
      const body = pending.subarray(type_bytes + LENGTH_BYTES, end)
      if (type === 'P') {
        const [name, text] = body.toString('utf8').split('\0')
        texts.set(name ?? '', text ?? '')
      }
      if (type === 'B') found(bound(body, texts))
      has_begun = true
      pending = pending.subarray(end)
    }
  }
}

/** Portal, statement, formats, values: in text, as this driver sends them. */
function bound(body: Buffer, texts: ReadonlyMap<string, string>): Statement {
  const name_at = body.indexOf(0) + 1
  let at = body.indexOf(0, name_at)
  const text = texts.get(body.toString('utf8', name_at, at)) ?? ''
  at += 1
  at += 2 + 2 * body.readInt16BE(at)
  const count = body.readInt16BE(at)
  at += 2
  const values: (string | null)[] = []
  for (let number = 0; number < count; number += 1) {
    const length = body.readInt32BE(at)
    at += LENGTH_BYTES
    values.push(length < 0 ? null : body.toString('utf8', at, at + length))
    at += Math.max(length, 0)
  }
  return { text, values }
}
