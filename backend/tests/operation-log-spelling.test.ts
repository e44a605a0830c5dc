import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHttpServer, type HttpServer } from '#backend/core/http-server'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
let server: HttpServer
let port: number
beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  // As the product does: by itself Node answers some requests that the log would miss.
  await t.app.ready()
  server = createHttpServer((request, response) => t.app.routing(request, response), t.host.log)
  port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port)
})
afterAll(async () => {
  await server.stop(1_000)
  await t.close()
})

/** Sends a request line as it is: clients and `inject` would bring it into the usual form. */
function send(target: string, trace_id: string, host = 'host: here'): Promise<string> {
  const body = JSON.stringify({ name: trace_id, status: 1 })
  const head = [
    `POST ${target} HTTP/1.1`,
    host,
    `authorization: Bearer ${root.token}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    `x-request-id: ${trace_id}`,
    'connection: close',
  ]
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n${body}`))
    let answer = ''
    socket.on('data', (piece) => {
      answer += String(piece)
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

const PATH = '/api/v1/sys/depts'

test.each([
  ['as usual', PATH, PATH],
  ['with the host, as to a proxy', `http://here${PATH}`, PATH],
  ['with a host longer than a record', `http://${'h'.repeat(600)}${PATH}`, PATH],
  ['with a letter of the prefix encoded', '/%61pi/v1/sys/depts', '/%61pi/v1/sys/depts'],
  ['with a query', `${PATH}?password=canary`, PATH],
  ['with a query behind #', `${PATH}#password=canary`, PATH],
])('a change is recorded however its URL is spelled: %s', async (label, target, path) => {
  const trace_id = label.replace(/\W+/g, '-').toLowerCase()
  expect(await send(target, trace_id)).toMatch(/^HTTP\/1.1 200 /)
  await t.host.audit?.ship()
  const rows = await t.host.database
    .sql`select method, path, title, status from sys_opera_log where trace_id = ${trace_id}`
  expect([...rows]).toEqual([{ method: 'POST', path, title: 'Create a department', status: 1 }])
})

test('a refusal is recorded however its URL is spelled', async () => {
  for (const [trace_id, target] of [
    ['none', 'http://here/api/v1/none'],
    ['none-encoded', '/a%70i/v1/none'],
    ['none-malformed', '/api/v1/%zz'],
  ] as const) {
    expect(await send(target, trace_id)).toMatch(/^HTTP\/1.1 40\d /)
    await t.host.audit?.ship()
    expect([...(await t.host.database.sql`select 1 from sys_opera_log where trace_id = ${trace_id}`)]).toHaveLength(1)
  }
})

test.each([
  ['without a host is refused', 'x-no: host', 400],
  ['that expects what nobody knows is served', 'host: here\r\nexpect: a-miracle', 200],
])('a change %s and recorded', async (_, host, status) => {
  const trace_id = `head-${status}`
  expect(await send(PATH, trace_id, host)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  await t.host.audit?.ship()
  const rows = await t.host.database.sql`select code from sys_opera_log where trace_id = ${trace_id}`
  expect(rows).toMatchObject([{ code: String(status) }])
})

test('a change whose sender leaves in the middle of it is recorded as their fault', async () => {
  const body = JSON.stringify({ name: 'left', status: 1 })
  const head = [
    `POST ${PATH} HTTP/1.1`,
    'host: here',
    `authorization: Bearer ${root.token}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'x-request-id: left-midway',
  ]
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`, () => setTimeout(() => socket.destroy(), 100))
  })
  const recorded = async () => {
    await t.host.audit?.ship()
    return t.host.database.sql`select code, status from sys_opera_log where trace_id = 'left-midway'`
  }
  await expect.poll(recorded, { timeout: 10_000 }).toMatchObject([{ code: '400', status: 0 }])
})
