import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemCtx } from '#backend/core/host'
import { createHttpServer, type HttpServer } from '#backend/core/http-server'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { pluginWith, SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { installArchive } from '#backend/core/plugin/installation'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let superuser: SignedIn
let server: HttpServer
let url: string
beforeAll(async () => {
  t = await createTestApp()
  superuser = await t.signInSuperuser()
  const { runtime } = t.host
  if (runtime === undefined) throw new Error('nothing serves')
  server = createHttpServer(runtime.handle, t.host.log)
  url = await server.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await server.stop(1_000)
  await t.close()
})

/** A request to the core whose body is not all there yet. */
async function begin(): Promise<ClientRequest> {
  const headers = { authorization: `Bearer ${superuser.token}`, 'content-type': 'application/json' }
  const asking = httpRequest(`${url}/api/v1/sys/roles`, { method: 'POST', headers })
  asking.write('{"name":"begun before",')
  await sleep(100)
  return asking
}

const hasTable = async () => (await t.host.database.sql`select to_regclass('greeting_word') as name`)[0]?.name !== null

test('the tables of a plugin stay until the requests that began with it are answered', async () => {
  await installArchive(t.host, systemCtx(t.host), writeArchive(pluginWith(SOUND)))
  const begun = await begin()
  let isGone = false
  const uninstalling = superuser.delete('/sys/plugins/greeting').then((answer) => {
    isGone = true
    return answer
  })
  await expect.poll(async () => (await superuser.get('/greeting/words')).status).toBe(404)
  await sleep(500)
  expect([isGone, await hasTable()]).toEqual([false, true])
  const answered = once(begun, 'response') as Promise<[IncomingMessage]>
  begun.end('"status":1,"remark":null,"is_filter_scopes":false}')
  const [response] = await answered
  expect(response.resume().statusCode).toBe(200)
  expect((await uninstalling).status).toBe(200)
  expect(await hasTable()).toBe(false)
})
