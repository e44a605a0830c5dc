import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '#backend/core/app'
import { createGenerations, type Generations, type GenerationsOptions } from '#backend/core/generation'
import { createHttpServer, type HttpServer } from '#backend/core/http-server'
import { NO_PLUGINS } from '#backend/core/plugin/parts'

const log = pino({ level: 'silent' })
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let closed: number[]
let generations: Generations
let server: HttpServer
let url: string

/** An application that answers with its number, and with the length of what is sent to it. */
async function build(version: number): Promise<App> {
  const app = fastify() as unknown as App
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.get('/', async () => version)
  app.get('/slow', async (_request, reply) => {
    reply.raw.write('begun ')
    await sleep(300)
    reply.raw.end(String(version))
    return reply
  })
  for (const path of ['/', '/waiting'])
    app.post(path, async ({ raw }) => {
      let length = 0
      for await (const chunk of raw) length += (chunk as Buffer).length
      return { version, length }
    })
  app.addHook('onClose', async () => {
    closed.push(version)
  })
  return app
}

async function start(options: Partial<GenerationsOptions> = {}): Promise<void> {
  generations = createGenerations({ build: ({ version }) => build(version), log, ...options })
  generations.swap(await generations.build({ ...NO_PLUGINS, version: 1 }))
  server = createHttpServer(generations.handle, log)
  url = await server.listen({ host: '127.0.0.1', port: 0 })
}

const swapTo = async (version: number) => generations.swap(await generations.build({ ...NO_PLUGINS, version }))

beforeEach(async () => {
  closed = []
  await start()
})
afterEach(async () => {
  agent.destroy()
  await server.stop(1_000)
  await generations.close()
})

async function get(
  path = '/',
): Promise<{ text: string; port: number | undefined; headers: IncomingMessage['headers'] }> {
  const request = httpRequest(`${url}${path}`, { agent }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const port = response.socket.localPort
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { text, port, headers: response.headers }
}

test('a request that expects what nobody knows of reaches the application like any other', async () => {
  const request = httpRequest(`${url}/`, { agent, headers: { expect: 'a-miracle' } }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  expect(response.statusCode).toBe(200)
})

describe('a swap', () => {
  test('is seen by the next request, on a connection that stays open; what was before is closed', async () => {
    const before = await get()
    await swapTo(2)
    const after = await get()
    expect([before.text, after.text]).toEqual(['1', '2'])
    expect(after.port).toBe(before.port)
    await expect.poll(() => closed).toEqual([1])
  })

  test('an upload under way reaches the instance that it began with, which is closed only then', async () => {
    const upload = httpRequest(url, { method: 'POST', headers: { 'content-type': 'application/x-any' } })
    upload.write(Buffer.alloc(1000))
    await sleep(50)
    await swapTo(2)
    await swapTo(3)
    await sleep(50)
    expect(closed).toEqual([2])
    upload.end(Buffer.alloc(500))
    const [response] = (await once(upload, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    expect(JSON.parse(text)).toEqual({ version: 1, length: 1500 })
    await expect.poll(() => closed).toEqual([2, 1])
  })

  test('which set answers requests still is known, leaving out those that wait for that themselves', async () => {
    await server.stop(1_000)
    let quiet = 0
    const onQuiet = () => {
      quiet += 1
    }
    await start({ isWaiting: ({ url }) => url === '/waiting', onQuiet })
    const begin = (path: string) => {
      const upload = httpRequest(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-any' },
      })
      upload.write(Buffer.alloc(1000))
      return upload
    }
    const waiting = begin('/waiting')
    await sleep(50)
    await swapTo(2)
    expect(generations.oldest()).toBeNull()
    const upload = begin('/')
    await sleep(50)
    await swapTo(3)
    expect(generations.oldest()).toBe(2)
    expect(quiet).toBe(0)
    upload.end()
    await expect.poll(() => [generations.oldest(), quiet]).toEqual([null, 1])
    waiting.end()
    await expect.poll(() => closed).toEqual([2, 1])
  })

  test('an instance that fails to build never serves, and leaves nothing open', async () => {
    const broken = createGenerations({
      log,
      build: async () => {
        const app = await build(9)
        app.addHook('onReady', async () => {
          throw new Error('not ready')
        })
        return app
      },
    })
    await expect(broken.build(NO_PLUGINS)).rejects.toThrow('not ready')
    expect(closed).toEqual([9])
    expect(() => broken.current()).toThrow(/no generation/)
  })

  test('whoever never ends keeps an old instance no longer than the limit', async () => {
    await server.stop(100)
    await generations.close()
    closed = []
    await start({ drain_ms: 100 })
    const endless = httpRequest(url, { method: 'POST' })
    endless.on('error', () => undefined)
    endless.write('x')
    await sleep(50)
    await swapTo(2)
    await expect.poll(() => closed).toEqual([1])
    endless.destroy()
  })
})

describe('the server', () => {
  test('stopping answers what is under way, ends its connection, and takes no more', async () => {
    const slow = get('/slow')
    await sleep(100)
    const stopped = server.stop(5_000)
    expect((await slow).text).toBe('begun 1')
    await stopped
    await expect(fetch(url)).rejects.toThrow('fetch failed')
  })

  test('stopping breaks off what takes longer than the limit', async () => {
    const endless = httpRequest(url, { method: 'POST' })
    const broken = once(endless, 'error')
    endless.write('x')
    await sleep(50)
    await server.stop(100)
    await expect(broken).resolves.toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })

  test('what is no HTTP is answered in the envelope', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('NONSENSE\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 400 /)
    expect(JSON.parse(body)).toEqual({ code: 400, msg: '请求格式错误', data: null, trace_id: expect.any(String) })
  })
})
