import { randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { inject } from 'vitest'
import { makeFolder, type SpawnedServer, signIn, startServer, until } from '#backend/tests/process/spawned'
import { createTestDatabase } from '#backend/tests/test-database'

export const PROCESSES = 4

export interface PluginCluster {
  servers: readonly SpawnedServer[]
  /** Of a superuser; good on every process. */
  token: string
  /** Bytes in use on each process after a collection. */
  heaps(): Promise<number[]>
  close(): Promise<void>
}

/** Processes on one database and, where there is one, one Redis, with the plugins of the tests. */
export async function openPluginCluster(): Promise<PluginCluster> {
  const opened: (() => unknown)[] = []
  const close = async () => {
    for (const step of opened.splice(0).reverse()) await step()
  }
  try {
    const database = await createTestDatabase()
    opened.push(() => database.drop())
    const redis_url = inject('redis_url')
    const env = {
      DATABASE_URL: database.url,
      DATABASE_POOL_SIZE: '5',
      TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'warn',
      PASSWORD_HASH_COST: '4',
      REDIS_PREFIX: `test-${randomBytes(6).toString('hex')}`,
      ...(redis_url === undefined ? {} : { REDIS_URL: redis_url }),
    }
    const servers = await Promise.all(Array.from({ length: PROCESSES }, () => startOne(opened, env)))
    const [first] = servers
    if (first === undefined) throw new Error('no process')
    const token = await signIn(first.url, 'admin', '123456')
    return { servers, token, heaps: () => Promise.all(servers.map(heapOf)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startOne(opened: (() => unknown)[], env: Record<string, string>): Promise<SpawnedServer> {
  const folder = makeFolder()
  opened.push(folder.remove)
  const server = await startServer(folder.path, env, 'tests/process/plugin-server.ts')
  opened.push(async () => {
    server.process.kill('SIGCONT')
    if (server.process.exitCode === null) await server.stop('SIGKILL')
  })
  return server
}

const HEAP = /^heap (\d+)$/gm

async function heapOf({ process: child, stdout }: SpawnedServer): Promise<number> {
  const before = [...stdout().matchAll(HEAP)].length
  child.kill('SIGUSR2')
  await until(async () => [...stdout().matchAll(HEAP)].length > before)
  return Number([...stdout().matchAll(HEAP)].at(-1)?.[1])
}

export interface Sent {
  status: number
  text: string
  /** The port of this end: the same one is the same connection. */
  port: number | undefined
}

export interface SendOptions {
  method?: string
  token?: string
  body?: string
  agent?: Agent
  timeout_ms?: number
}

/** One request over a connection that is kept. */
export function send(url: string, path: string, options: SendOptions = {}): Promise<Sent> {
  const { method = 'GET', token, body, agent, timeout_ms = 30_000 } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/api/v1${path}`, {
      method,
      ...(agent === undefined ? {} : { agent }),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      timeout: timeout_ms,
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', reject)
    outgoing.on('response', (response: IncomingMessage) => void textOf(response).then(resolve, reject))
    outgoing.end(body)
  })
}

export async function textOf(response: IncomingMessage): Promise<Sent> {
  const port = response.socket.localPort
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, text, port }
}

export const keptConnection = () => new Agent({ keepAlive: true, maxSockets: 1 })
