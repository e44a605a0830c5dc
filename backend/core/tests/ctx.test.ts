import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Done, ok } from '#backend/common/envelope'
import type { App } from '#backend/core/app'
import type { AppModule } from '#backend/core/app-module'
import type { Ctx } from '#backend/core/ctx'
import { APPS, buildApp } from '#backend/server'
import { createTestApp, type TestApp } from '#backend/tests/harness'

const seen: Ctx[] = []
const watching: AppModule = {
  name: 'watching',
  scoped_models: [],
  async api(app: App) {
    const schema = { summary: 'x', tags: ['x'], response: { 200: Done } }
    app.get('/watching', { config: { access: 'public' }, schema }, async ({ ctx }) => {
      seen.push(ctx)
      return ok()
    })
  },
}

let t: TestApp
let app: Awaited<ReturnType<typeof buildApp>>
beforeAll(async () => {
  t = await createTestApp()
  app = await buildApp(t.host, [...APPS, watching], t.host.set())
})
afterAll(async () => {
  await app.close()
  await t.close()
})

test('the contexts of all requests have one hidden class', async () => {
  setFlagsFromString('--allow-natives-syntax')
  const haveOneClass = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: Ctx, b: Ctx) => boolean
  // V8 treats the first ones alike whatever they are made of.
  for (let time = 0; time < 300; time += 1) await app.inject('/api/v1/watching')
  const [first, second] = seen.slice(-2)
  if (first === undefined || second === undefined) throw new Error('nobody was let in')
  expect(haveOneClass(first, second)).toBe(true)
})
