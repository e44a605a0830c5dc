import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bare, changed, filesBelow, toggle, uninstall, upload, zipOf } from '#backend/app/admin/tests/plugin-upload'
import { Conflict } from '#backend/common/errors'
import { systemCtx } from '#backend/core/host'
import { SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { changeSet } from '#backend/core/plugin/set-change'
import { readSet } from '#backend/core/plugin/set-store'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let superuser: SignedIn
beforeAll(async () => {
  t = await createTestApp()
  superuser = await t.signInSuperuser()
})
afterAll(() => t.close())

const rowOf = async (name: string) => (await readSet(t.db)).rows.find((row) => row.name === name)
const run = (text: string) => t.db.execute(sql.raw(text))
const hasTable = async () => {
  const [row] = await t.db.execute<{ there: boolean }>(sql`select to_regclass('greeting_word') is not null as there`)
  return row?.there
}
const dumps = () => filesBelow(t.config.DATA_DIR).filter((path) => path.includes('/dumps/'))
const dumpedRows = () => dumps().filter((path) => path.endsWith('greeting_word.jsonl.gz'))

describe('the copy of the rows stays once they may be gone from the tables', () => {
  test('when the processes cannot be listed after the commit', async () => {
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    expect((await toggle(superuser, 'greeting')).status).toBe(200)
    // They can be until the change is made.
    await run(`create function hide_processes() returns trigger language plpgsql as
      $$ begin alter table sys_process rename to sys_process_away; return null; end $$`)
    await run('create trigger hide_processes after delete on sys_plugin execute function hide_processes()')
    try {
      expect((await uninstall(superuser, 'greeting')).status).toBe(500)
    } finally {
      await run('alter table sys_process_away rename to sys_process')
      await run('drop function hide_processes cascade')
    }
    expect(await hasTable()).toBe(false)
    expect(await rowOf('greeting')).toBeUndefined()
    expect(dumpedRows()).toHaveLength(1)
    expect(gunzipSync(readFileSync(dumpedRows()[0] ?? '')).toString()).toContain('hello')
  })

  test('when the connection is lost at the commit', async () => {
    const before = dumpedRows().length
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    expect((await toggle(superuser, 'greeting')).status).toBe(200)
    await run(`create function end_connection() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`)
    await run(`create constraint trigger end_connection after delete on sys_plugin deferrable initially deferred
      for each row execute function end_connection()`)
    expect((await uninstall(superuser, 'greeting')).status).toBe(503)
    await run('drop function end_connection cascade')
    expect(dumpedRows()).toHaveLength(before + 1)
    expect((await uninstall(superuser, 'greeting')).status).toBe(200)
  })
})

test('a change that is committed is served also where work after the commit refuses', async () => {
  const refused = changeSet(t.host, systemCtx(t.host), 'greeting', async (ctx) => {
    await ctx.afterCommit(async () => {
      throw new Conflict('error.conflict')
    })
  })
  await expect(refused).rejects.toBeInstanceOf(Conflict)
  expect(t.host.set().version).toBe((await readSet(t.db)).version)
  expect((await superuser.get('/sys/plugins')).status).toBe(200)
})

test('what another plugin depends on stays, also while that one is disabled', async () => {
  expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
  expect((await upload(superuser, bare('leaning', { depends_on: ['greeting'] }))).body.code).toBe(200)
  expect((await toggle(superuser, 'leaning')).status).toBe(200)
  const refused = await uninstall(superuser, 'greeting')
  expect(refused.body).toMatchObject({ code: 409, msg: expect.stringMatching(/installed.*: leaning$/) })
  expect(await rowOf('greeting')).toMatchObject({ enabled: true })
  expect((await uninstall(superuser, 'leaning')).status).toBe(200)
  expect((await uninstall(superuser, 'greeting')).status).toBe(200)
})

describe('down migrations that fail', () => {
  afterEach(async () => {
    await run('drop table if exists tied')
    expect((await uninstall(superuser, 'greeting')).status).toBe(200)
  })

  test('are told with their reason, and everything stays as it was', async () => {
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    await run('create table tied (word bigint references greeting_word (id))')
    const before = dumps()
    const refused = await uninstall(superuser, 'greeting')
    expect(refused.body).toMatchObject({
      code: 409,
      msg: expect.stringMatching(/0000_words failed: cannot drop table greeting_word/),
    })
    expect(dumps()).toEqual(before)
    expect(await rowOf('greeting')).toMatchObject({ enabled: true })
    expect((await superuser.get('/greeting/words')).body.data).toEqual(['hello'])
  })

  test('leave one that was disabled disabled', async () => {
    expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
    expect((await toggle(superuser, 'greeting')).status).toBe(200)
    await run('create table tied (word bigint references greeting_word (id))')
    expect((await uninstall(superuser, 'greeting')).status).toBe(409)
    expect(await rowOf('greeting')).toMatchObject({ enabled: false })
  })

  test('that never end are ended', { timeout: 40_000 }, async () => {
    const down = 'update greeting_word set text = pg_sleep(1000000)::text; drop table greeting_word;'
    expect(
      (await upload(superuser, zipOf(changed(SOUND, {}, { 'migrations/0000_words.down.sql': down })))).status,
    ).toBe(200)
    const refused = await uninstall(superuser, 'greeting')
    expect(refused.body).toMatchObject({ code: 409, msg: expect.stringContaining('statement timeout') })
    expect(await rowOf('greeting')).toMatchObject({ enabled: true })
    await run('truncate greeting_word')
  })
})

test('a process that did not follow the disabling is named although the rest did not wait for it', {
  timeout: 30_000,
}, async () => {
  expect((await upload(superuser, zipOf(SOUND))).status).toBe(200)
  const process_id = randomUUID()
  const { version } = await readSet(t.db)
  // It is heard of no more from here on, as one that was halted.
  await t.db.execute(sql`insert into sys_process (process_id, host, pid, started_time, heartbeat_time, set_version)
    values (${process_id}, 'elsewhere', 1, now(), clock_timestamp(), ${version})`)
  const { body } = await uninstall(superuser, 'greeting')
  await t.db.execute(sql`delete from sys_process where process_id = ${process_id}`)
  expect(body).toMatchObject({ code: 200, data: { out_of_service: [{ process_id, host: 'elsewhere' }] } })
})
