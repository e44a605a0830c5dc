import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import { APPS, buildApp } from '#backend/server'
import { createTestApp, type TestApp } from '#backend/tests/harness'

/** Answers that cannot be sent as they are. */
const unsendable: AppModule = {
  name: 'unsendable',
  scoped_models: [],
  async api(app: App) {
    const config = { access: 'public' } as const
    const schema = { summary: 'x', tags: ['x'], response: { 200: z.any() } }
    app.route({
      method: ['GET', 'POST'],
      url: '/unsendable/header',
      config,
      schema,
      handler: async (_request, reply) => reply.header('x-name', 'line\nbreak').send({}),
    })
    app.route({
      method: ['GET', 'POST'],
      url: '/unsendable/late',
      config,
      schema,
      handler: async () => {
        await sleep(300)
        throw new Error('a bug')
      },
    })
    app.route({
      method: ['GET', 'POST'],
      url: '/unsendable/type',
      config,
      schema,
      handler: async (_request, reply) => reply.serializer(() => 5 as unknown as string).send({}),
    })
  },
}

let t: TestApp
let app: Awaited<ReturnType<typeof buildApp>>
let url: string
beforeAll(async () => {
  t = await createTestApp()
  app = await buildApp(t.host, [...APPS, unsendable], t.host.set())
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  await t.close()
})

// A rejection that nobody handles would end the server, and fails the run of the tests.
test.each([
  ['GET', 'header'],
  ['POST', 'header'],
  ['GET', 'type'],
  ['POST', 'type'],
])('an answer to %s whose %s cannot be sent is 500 and recorded', async (method, what) => {
  const trace_id = `${method}-${what}`
  const answer = await fetch(`${url}/api/v1/unsendable/${what}`, { method, headers: { 'x-request-id': trace_id } })
  expect(answer.status).toBe(500)
  await t.host.audit?.ship()
  expect(await t.db.execute(sql`select path from sys_opera_log where trace_id = ${trace_id}`)).toHaveLength(1)
})

test.each(['GET', 'POST'])('a bug stays one where who has asked by %s has left before the answer', async (method) => {
  const trace_id = `left-${method}`
  const headers = { 'x-request-id': trace_id, 'content-length': 0 }
  const asking = request(`${url}/api/v1/unsendable/late`, { method, headers, agent: false }).on(
    'error',
    () => undefined,
  )
  asking.end(() => setTimeout(() => asking.destroy(), 100))
  const recorded = async () => {
    await t.host.audit?.ship()
    return t.db.execute(sql`select code from sys_opera_log where trace_id = ${trace_id}`)
  }
  await expect.poll(recorded, { timeout: 10_000 }).toMatchObject([{ code: '500' }])
})
