import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
let port: number
beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  await t.app.listen({ port: 0, host: '127.0.0.1' })
  port = (t.app.server.address() as { port: number }).port
})
afterAll(() => t.close())

/** Sends a request line as it is: clients and `inject` would bring it into the usual form. */
function send(target: string, trace_id: string): Promise<string> {
  const body = JSON.stringify({ name: trace_id, status: 1 })
  const head = [
    `POST ${target} HTTP/1.1`,
    'host: here',
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
