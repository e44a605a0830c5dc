import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bare, renamed, toggle, uninstall, upload, zipOf } from '#backend/app/admin/tests/plugin-upload'
import { createHost, type Host, systemCtx } from '#backend/core/host'
import { SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { type PluginRuntime, startRuntime } from '#backend/core/plugin/runtime'
import { lockSet, readSet } from '#backend/core/plugin/set-store'
import { inTransaction, openDatabase } from '#backend/database/db'
import { APPS, buildApp } from '#backend/server'
import { type Caller, callerOf, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

const TIMEOUT_MS = 60_000

function signal(): { give: () => void; given: Promise<void> } {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { give, given }
}

/** Another process, as far as the database can tell. */
async function openSecond(t: TestApp): Promise<{ host: Host; runtime: PluginRuntime; close: () => Promise<void> }> {
  const host = await createHost(t.config, { apps: APPS, log: t.host.log })
  await host.start()
  const runtime = await startRuntime(host, (set) => buildApp(host, APPS, set))
  return { host, runtime, close: () => runtime.stop().then(() => host.close()) }
}

describe('with a pool of one connection', () => {
  let t: TestApp
  let superuser: SignedIn
  beforeAll(async () => {
    t = await createTestApp({ DATABASE_POOL_SIZE: '1' })
    superuser = await t.signInSuperuser()
  })
  afterAll(() => t.close())

  test('a plugin is installed, taken out of use, enabled and uninstalled', { timeout: TIMEOUT_MS }, async () => {
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    expect((await superuser.get('/greeting/words')).body.data).toEqual(['hello'])
    for (const status of [404, 200]) {
      expect((await toggle(superuser, 'greeting')).status).toBe(200)
      expect((await superuser.get('/greeting/words')).status).toBe(status)
    }
    expect((await uninstall(superuser, 'greeting')).status).toBe(200)
  })

  test('one that this process has not loaded yet is enabled', { timeout: TIMEOUT_MS }, async () => {
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    expect((await toggle(superuser, 'greeting')).status).toBe(200)
    const { host, close } = await openSecond(t)
    try {
      await host.shared.plugins.toggle(systemCtx(host), 'greeting')
      expect((await superuser.get('/greeting/words')).status).toBe(200)
    } finally {
      await close()
    }
    expect((await uninstall(superuser, 'greeting')).status).toBe(200)
  })
})

describe('several at once', () => {
  const POOL = 2
  let t: TestApp
  let superuser: SignedIn
  beforeAll(async () => {
    t = await createTestApp({ DATABASE_POOL_SIZE: String(POOL) })
    superuser = await t.signInSuperuser()
  })
  afterAll(() => t.close())

  /** Holds what every change of the set waits for, as a change on another process does. */
  async function holdSet(): Promise<{ waiting: () => Promise<number>; release: () => Promise<void> }> {
    const elsewhere = openDatabase({ url: t.config.DATABASE_URL ?? '', time_zone: 'UTC', pool_size: 2 })
    const [end, held] = [signal(), signal()]
    const change = inTransaction(elsewhere.db, async (tx) => {
      await lockSet(tx)
      held.give()
      await end.given
    })
    await held.given
    return {
      async waiting() {
        const [row] = await elsewhere.db.execute<{ count: number }>(sql`
          select count(*)::int as count from pg_locks join pg_database on pg_database.oid = database
          where datname = current_database() and locktype = 'advisory' and not granted`)
        return row?.count ?? 0
      },
      async release() {
        end.give()
        await change
        await elsewhere.close()
      },
    }
  }

  test('more changes than connections are all answered, and other routes go on', { timeout: TIMEOUT_MS }, async () => {
    expect((await upload(superuser, bare('leaning'))).body.code).toBe(200)
    const other = await holdSet()
    const installation = upload(superuser, zipOf(SOUND))
    await expect.poll(other.waiting, { timeout: 10_000 }).toBe(1)
    const toggles = Array.from({ length: POOL + 2 }, () => toggle(superuser, 'leaning'))
    await sleep(300)
    expect((await superuser.get('/sys/depts')).status).toBe(200)
    expect(await other.waiting()).toBe(1)
    await other.release()
    const answers = await Promise.all([installation, ...toggles])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    for (const name of ['leaning', 'greeting']) expect((await uninstall(superuser, name)).status).toBe(200)
  })

  test('while somebody else changes the set for long, others are told, and other routes go on', {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect((await upload(superuser, bare('leaning'))).body.code).toBe(200)
    const other = await holdSet()
    const before = await readSet(t.db)
    const busy = Promise.all(Array.from({ length: POOL + 1 }, () => toggle(superuser, 'leaning')))
    await sleep(500)
    expect((await superuser.get('/sys/depts')).status).toBe(200)
    for (const { body, headers } of await busy) {
      expect(body).toMatchObject({ code: 503, msg: expect.stringContaining('under way') })
      expect(headers['retry-after']).toBeDefined()
    }
    await other.release()
    expect(await readSet(t.db)).toEqual(before)
    expect((await uninstall(superuser, 'leaning')).status).toBe(200)
  })

  const ROUTE = "app.get('/shared-words', { config: { access: 'public' }, schema: { hide: true } }, async () => 'x')"
  const rivals: [string, (name: string) => Buffer, RegExp][] = [
    ['table', (name) => zipOf(renamed(name)), /greeting_word/],
    ['permission', (name) => bare(name, { permissions: ['shared:get'] }), /shared:get/],
    ['route', (name) => bare(name, { extends: 'admin', capabilities: ['routes'] }, ROUTE), /shared-words/],
  ]

  describe.each(rivals)(
    'of two with the same %s one is installed and the other refused',
    (_what, archiveOf, reason) => {
      async function compete(second: Caller): Promise<void> {
        const answers = await Promise.all([upload(superuser, archiveOf('one')), upload(second, archiveOf('two'))])
        expect(answers.map(({ status }) => status).sort(), answers.map(({ text }) => text).join()).toEqual([200, 409])
        expect(answers.find(({ status }) => status === 409)?.body.msg).toMatch(reason)
        const [won, lost] = answers[0]?.status === 200 ? ['one', 'two'] : ['two', 'one']
        expect((await readSet(t.db)).rows.map(({ name }) => name)).not.toContain(lost)
        const migrated = await t.db.execute(sql`select 1 from sys_plugin_migration where plugin = ${lost}`)
        expect(migrated).toHaveLength(0)
        expect(readdirSync(join(t.config.DATA_DIR, 'plugins')).filter((name) => name.startsWith(`${lost}-`))).toEqual(
          [],
        )
        expect((await uninstall(superuser, won)).status).toBe(200)
      }

      test('by one process', { timeout: TIMEOUT_MS }, () => compete(superuser))

      test('by two processes', { timeout: TIMEOUT_MS }, async () => {
        const other = await openSecond(t)
        try {
          await compete(callerOf(() => other.runtime.current().app, { authorization: `Bearer ${superuser.token}` }))
        } finally {
          await other.close()
        }
      })
    },
  )

  test('at most two are tried at the same time', { timeout: TIMEOUT_MS }, async () => {
    const names = ['leaning_a', 'leaning_b', 'leaning_c', 'leaning_d']
    const staging = join(t.config.DATA_DIR, 'plugins', 'staging')
    const tried = () =>
      (existsSync(staging) ? readdirSync(staging) : []).filter((name) => existsSync(join(staging, name, 'plugin')))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, tried().length)
    }, 5)
    const answers = await Promise.all(names.map((name) => upload(superuser, bare(name))))
    clearInterval(watch)
    expect(answers.map(({ status, text }) => [status, text])).toEqual(names.map(() => [200, expect.any(String)]))
    expect(most).toBe(2)
    for (const name of names) expect((await uninstall(superuser, name)).status).toBe(200)
  })
})
