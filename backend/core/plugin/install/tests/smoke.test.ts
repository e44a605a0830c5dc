import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Refusal } from '#backend/common/errors'
import { bundle, link } from '#backend/core/plugin/install/bundle'
import { SMOKE_LIMITS, type SmokeLimits } from '#backend/core/plugin/install/limits'
import { manifestOf } from '#backend/core/plugin/install/manifest-check'
import { smokeLoad } from '#backend/core/plugin/install/smoke'
import { pluginWith, SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { writeFiles } from '#backend/core/plugin/install/tests/staged-files'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function trial(changes: Readonly<Record<string, string>>, limits: SmokeLimits = SMOKE_LIMITS) {
  const folder = mkdtempSync(join(tmpdir(), 'fba-smoke-'))
  folders.push(folder)
  const files = pluginWith(changes)
  const manifest = manifestOf(files)
  const text = await bundle({ folder: writeFiles(folder, files), manifest, packages: new Set() })
  const file = join(folder, 'plugin.mjs')
  writeFileSync(file, link(text))
  return smokeLoad(file, { manifest, folder, limits })
}

async function refusalOf(...args: Parameters<typeof trial>): Promise<string> {
  const outcome = await trial(...args).catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error('not refused', { cause: outcome })
  return `${outcome.key.replace('plugin.install.', '')} ${Object.values(outcome.params).join(' ')}`
}

/** The sound plugin with this before its own code. */
const first = (code: string) => ({ 'plugin.ts': `${SOUND['plugin.ts']}\n${code}` })
const route = (config: string, schema: string) => ({
  'plugin.ts': `import { z } from 'zod'
import { definePlugin } from '#backend/core/plugin/definition'
export const plugin = definePlugin({
  api: async (app) => { app.get('/x', { config: ${config}, schema: ${schema} } as never, async () => ({})) },
})`,
})

test('a sound plugin says what it brings, and its process ends by itself', async () => {
  expect(await trial({})).toEqual({
    routes: [
      { method: 'GET', url: '/api/v1/greeting/words', permissions: ['greeting:get'] },
      { method: 'HEAD', url: '/api/v1/greeting/words', permissions: ['greeting:get'] },
    ],
    models: [],
    tables: ['greeting_word'],
    hooks: [],
    tasks: [],
    menus: [{ name: 'Greeting', parent: null, permissions: ['greeting:get'] }],
    message_keys: ['greeting.none'],
    capabilities: ['routes', 'models', 'menus'],
  })
})

test('a machine that is too busy to begin the trial says nothing of the plugin', async () => {
  const outcome = trial({}, { ...SMOKE_LIMITS, start_ms: 1 })
  await expect(outcome).rejects.toMatchObject({ status: 503, key: 'error.unavailable' })
})

describe('a plugin is refused, with its reason, that', () => {
  test.each([
    ['throws', "throw new Error('no luck')", 'smoke_threw Error: no luck'],
    ['rejects later', "void Promise.reject(new Error('too late'))", 'smoke_threw Error: too late'],
    ['throws in a callback', "setTimeout(() => { throw new Error('later') })", 'smoke_threw Error: later'],
    ['exits as if all were well', 'process.exit(0)', 'smoke_exited 0'],
    ['exits', 'process.exit(7)', 'smoke_exited 7'],
    ['kills itself', "process.kill(process.pid, 'SIGKILL')", 'smoke_exited SIGKILL'],
    ['leaks a timer', 'setInterval(() => {}, 1000)', 'smoke_leak Timeout'],
    [
      'listens',
      "import { createServer } from 'node:net'\ncreateServer().listen(0, '127.0.0.1')",
      'smoke_leak TCPServerWrap',
    ],
  ])('%s', async (_, code, expected) => {
    expect(await refusalOf(first(code))).toBe(expected)
  })

  test('never finishes', async () => {
    const quick = { ...SMOKE_LIMITS, load_ms: 2500 }
    expect(await refusalOf(first('for (;;);'), quick)).toBe('smoke_hangs 2.5')
    expect(await refusalOf(first('await new Promise(() => setInterval(() => {}, 1000))'), quick)).toBe(
      'smoke_hangs 2.5',
    )
  })

  test('waits for nothing', async () => {
    expect(await refusalOf(first('await new Promise(() => {})'))).toBe('smoke_exited 0')
  })

  test('writes without end', async () => {
    // What is not read fast enough lies in its memory: either limit ends it.
    expect(await refusalOf(first("for (;;) process.stdout.write('x'.repeat(65536))"))).toMatch(
      /^smoke_(output 262144|memory 256)$/,
    )
  })

  test('takes the memory of the server', async () => {
    expect(await refusalOf(first('const all: unknown[] = []\nfor (;;) all.push(new Array(100000).fill(all))'))).toBe(
      'smoke_memory 256',
    )
    expect(
      await refusalOf(
        first(
          'const all: unknown[] = []\nfor (;;) { all.push(Buffer.alloc(1 << 25, 1)); await new Promise((r) => setTimeout(r, 5)) }',
        ),
      ),
    ).toBe('smoke_memory 256')
  })

  test.each([
    ['has no export', { 'plugin.ts': 'export {}' }, /exports no `plugin`/],
    ['exports something else', { 'plugin.ts': 'export const plugin = { api: 1 }' }, /plugin\.api: must be a function/],
    ['brings what nobody knows', { 'plugin.ts': 'export const plugin = { onLoad() {} }' }, /onLoad/],
    [
      'has a route open to anybody by mistake',
      route('{}', "{ summary: 'x', response: { 200: z.object({}) } }"),
      /GET \/api\/v1\/greeting\/x: no config\.access/,
    ],
    [
      'has a route that says nothing of its answer',
      route("{ access: 'signed-in' }", "{ summary: 'x' }"),
      /no response schema/,
    ],
    [
      'runs a task at no time',
      { 'plugin.ts': "export const plugin = { tasks: { tick: { cron: 'sometimes', run: async () => {} } } }" },
      /cron "sometimes"/,
    ],
    [
      'speaks one language',
      { 'plugin.ts': "export const plugin = { translations: { 'zh-CN': { 'greeting.a': 'a' }, 'en-US': {} } }" },
      /greeting\.a is there in one language only/,
    ],
  ])('%s', async (_, changes, expected) => {
    expect(await refusalOf(changes)).toMatch(expected)
  })

  test('has two routes that are one', async () => {
    const twice = `export const plugin = { api: async (app: any) => { for (const _ of [1, 2]) app.get('/x', { config: { access: 'public' } }, async () => ({})) } }`
    expect(await refusalOf({ 'plugin.ts': twice })).toMatch(/^smoke_threw .*already declared/)
  })

  test('leaves as the application is closed', async () => {
    const code = `export const plugin = { api: async (app: any) => { app.addHook('onClose', async () => process.exit(0)) } }`
    expect(await refusalOf({ 'plugin.ts': code })).toBe('smoke_exited 0')
  })
})

test.each([
  ['a timer that it stops', 'const timer = setTimeout(() => {}, 60_000)\nclearTimeout(timer)'],
  ['a pause that it waits for', 'await new Promise((resolve) => setTimeout(resolve, 20))'],
  ['a line that it writes', "console.log('hello')\nconsole.error('hello')"],
  ['a file that it reads', "import { readFile } from 'node:fs/promises'\nawait readFile(new URL(import.meta.url))"],
])('%s at its import is no leak', async (_, code) => {
  expect((await trial(first(code))).capabilities).toEqual(['routes', 'models', 'menus'])
})

test('what a plugin sends to the process that started it is not heard', async () => {
  const code = `process.send?.({ kind: 'report' })\nprocess.disconnect?.()`
  expect((await trial(first(code))).capabilities).toEqual(['routes', 'models', 'menus'])
})

test('nothing of the environment and of the settings reaches it', async () => {
  const code = `throw new Error(JSON.stringify([Object.keys(process.env), process.env.PATH]))`
  expect(await refusalOf(first(code))).toMatch(/^smoke_threw Error: \[\[[^\]]*\],null\]$/)
})
