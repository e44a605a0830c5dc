import { once } from 'node:events'
import { createServer } from 'node:net'

/** The wanted port where it is free, so that pools which lost their server find it again; else any free one. */
export async function choosePort(wanted: number | undefined): Promise<number> {
  return (wanted && (await tryPort(wanted))) || (await tryPort(0)) || choosePort(undefined)
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address ? address.port : undefined
  } catch {
    return undefined
  } finally {
    if (server.listening) {
      server.close()
      await once(server, 'close')
    }
  }
}
