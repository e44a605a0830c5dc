import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { menu } from '#backend/app/admin/model/menu.model'
import {
  changed,
  ENGLISH,
  filesBelow,
  seeding,
  uninstall as uninstallBy,
  upload as uploadBy,
  zipOf,
} from '#backend/app/admin/tests/plugin-upload'
import { createHost } from '#backend/core/host'
import { digestOf, readArchive } from '#backend/core/plugin/install/archive'
import { pluginWith, SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { startRuntime } from '#backend/core/plugin/runtime'
import { readSet } from '#backend/core/plugin/set-store'
import { APPS, buildApp } from '#backend/server'
import { type Answer, type Caller, callerOf, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let superuser: SignedIn
beforeAll(async () => {
  t = await createTestApp({ PLUGIN_ARCHIVE_BYTES_MAX: '50000' })
  superuser = await t.signInSuperuser()
})
afterAll(() => t.close())

const upload = (bytes: Buffer, by: Caller = superuser) => uploadBy(by, bytes)
const uninstall = (name: string) => uninstallBy(superuser, name)
const listed = async (name: string) =>
  ((await superuser.get('/sys/plugins')).body.data as { plugin: { name: string } }[]).find(
    (one) => one.plugin.name === name,
  )

describe('installing from an archive', () => {
  test('brings routes, tables and menus, everywhere at once, and uninstalling takes them away with a copy of the rows', async () => {
    const host = await createHost(t.config, { apps: APPS, log: t.host.log })
    await host.start()
    const runtime = await startRuntime(host, (set) => buildApp(host, APPS, set))
    const elsewhere = callerOf(() => runtime.current().app, { authorization: `Bearer ${superuser.token}` })
    try {
      const answer = await upload(zipOf(SOUND))
      expect(answer.body).toMatchObject({ code: 200, data: { set_version: expect.any(Number), out_of_service: [] } })
      expect(await listed('greeting')).toMatchObject({
        plugin: { enable: '1', source: 'zip', version: '1.0.0', digest: digestOf(pluginWith(SOUND)) },
      })
      await t.host.database.sql`insert into greeting_word (text) values ('你好')`
      for (const caller of [superuser, elsewhere])
        expect((await caller.get('/greeting/words')).body.data).toEqual(['hello', '你好'])
      expect((await t.db.select().from(menu)).map(({ name }) => name)).toContain('Greeting')
      expect((await (await t.signIn()).get('/greeting/words')).status).toBe(403)

      await superuser.put('/sys/plugins/greeting/status')
      expect((await elsewhere.get('/greeting/words', { headers: ENGLISH })).body.msg).toBe(
        'The plugin greeting is disabled',
      )
      await superuser.put('/sys/plugins/greeting/status')
      expect((await elsewhere.get('/greeting/words')).status).toBe(200)

      const gone = await uninstall('greeting')
      expect(gone.body).toMatchObject({ code: 200, data: { out_of_service: [], dump_folder: expect.any(String) } })
      const rows = gunzipSync(readFileSync(join(gone.body.data.dump_folder, 'greeting_word.jsonl.gz'))).toString()
      expect(
        rows
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { text: string }).text),
      ).toEqual(['hello', '你好'])
      for (const caller of [superuser, elsewhere])
        expect((await caller.get('/greeting/words', { headers: ENGLISH })).body.msg).toBe('No such path')
      expect(await listed('greeting')).toBeUndefined()
      expect((await t.db.select().from(menu)).map(({ name }) => name)).not.toContain('Greeting')
      const [table] = await t.host.database.sql`select to_regclass('greeting_word') as name`
      expect(table?.name).toBeNull()
    } finally {
      await runtime.stop()
      await host.close()
    }
  })

  test('what was installed can be downloaded as it was, and installed again', async () => {
    await upload(zipOf(SOUND))
    const response = await t.app.inject({
      url: '/api/v1/sys/plugins/greeting',
      headers: { authorization: `Bearer ${superuser.token}` },
    })
    expect(response.headers['content-type']).toBe('application/zip')
    expect(response.headers['content-disposition']).toBe('attachment; filename="greeting.zip"')
    const files = await readArchive(response.rawPayload, { bytes_max: 1_000_000 })
    expect(Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.toString()]))).toEqual(SOUND)
    expect((await uninstall('greeting')).status).toBe(200)
    expect((await upload(response.rawPayload)).status).toBe(200)
    expect((await uninstall('greeting')).status).toBe(200)
  })

  test('a newer version takes the place of an older one and keeps its rows; going back is refused', async () => {
    await upload(zipOf(SOUND))
    await t.host.database.sql`insert into greeting_word (text) values ('kept')`
    const newer = changed(
      SOUND,
      { version: '1.1.0' },
      {
        'migrations/0009_mood.up.sql': "alter table greeting_word add column mood varchar(8) default 'glad';",
        'migrations/0009_mood.down.sql': 'alter table greeting_word drop column mood;',
      },
    )
    expect((await upload(zipOf(newer))).body.code).toBe(200)
    expect(await listed('greeting')).toMatchObject({ plugin: { version: '1.1.0', enable: '1' } })
    expect((await superuser.get('/greeting/words')).body.data).toEqual(['hello', 'kept'])
    const [row] = await t.host.database.sql`select mood from greeting_word`
    expect(row?.mood).toBe('glad')
    const older = await upload(zipOf(SOUND))
    expect(older.body).toMatchObject({ code: 409, msg: expect.stringContaining('0009_mood') })
    expect(await listed('greeting')).toMatchObject({ plugin: { version: '1.1.0' } })
    expect((await uninstall('greeting')).status).toBe(200)
  })

  test('two at once of one name: one is there afterwards, whole', async () => {
    const answers = await Promise.all([upload(zipOf(SOUND)), upload(zipOf(SOUND))])
    expect(answers.map(({ status }) => status)).toContain(200)
    expect((await superuser.get('/greeting/words')).status).toBe(200)
    expect((await uninstall('greeting')).status).toBe(200)
  })
})

describe('what is refused leaves nothing behind', () => {
  const withMigration = (up: string) =>
    changed(
      SOUND,
      {},
      { 'migrations/0009_more.up.sql': up, 'migrations/0009_more.down.sql': 'drop table greeting_word;' },
    )
  const cases: [string, () => Promise<Answer>, number, RegExp][] = [
    [
      'no form',
      () => superuser.post('/sys/plugins?type=zip', undefined, { headers: ENGLISH }),
      400,
      /archive.*missing/,
    ],
    [
      'no address',
      () => superuser.post('/sys/plugins?type=git', undefined, { headers: ENGLISH }),
      400,
      /address.*missing/,
    ],
    ['another type', () => superuser.post('/sys/plugins?type=tar'), 422, /./],
    ['no archive', () => upload(Buffer.from('nothing of the kind')), 400, /cannot be read/],
    ['too much', () => upload(Buffer.alloc(60_000)), 413, /./],
    [
      'a host that is not listed',
      () => superuser.post('/sys/plugins?type=git&repo_url=https://example.com/x', undefined, { headers: ENGLISH }),
      403,
      /example\.com/,
    ],
    ['a name of the product', () => upload(zipOf(changed(SOUND, { name: 'admin' }))), 409, /admin/],
    [
      'one that needs another that is absent',
      () => upload(zipOf(changed(SOUND, { depends_on: ['nowhere'] }))),
      400,
      /nowhere/,
    ],
    ['a seed that throws', () => upload(zipOf(seeding("throw new Error('nothing to sow')"))), 409, /nothing to sow/],
    [
      'a seed that never ends',
      () => upload(zipOf(seeding('await new Promise(() => {})'))),
      409,
      /seed takes longer than 10 seconds/,
    ],
    [
      'a migration that never ends',
      () => upload(zipOf(withMigration('insert into greeting_word (text) values (pg_sleep(1000000)::text);'))),
      409,
      /0009_more failed: canceling statement due to statement timeout/,
    ],
    [
      'a migration that PostgreSQL refuses',
      () => upload(zipOf(withMigration('alter table greeting_word add column text varchar(3);'))),
      409,
      /0009_more failed: column "text" of relation "greeting_word" already exists/,
    ],
    [
      'a model with a column that no migration makes',
      () =>
        upload(
          zipOf(
            changed(
              SOUND,
              {},
              {
                'model/word.model.ts': (SOUND['model/word.model.ts'] ?? '').replace(
                  'text: ',
                  "mood: varchar('mood'), text: ",
                ),
              },
            ),
          ),
        ),
      409,
      /no column mood of the table greeting_word/,
    ],
  ]

  const LIMIT_MS = 30_000
  test.each(cases)('%s', { timeout: LIMIT_MS }, async (_name, ask, status, reason) => {
    const before = await readSet(t.db)
    const files = filesBelow(t.config.DATA_DIR)
    const answer = await ask()
    expect(answer.status, answer.text).toBe(status)
    expect(answer.body.msg).toMatch(reason)
    expect(await readSet(t.db)).toEqual(before)
    expect(filesBelow(t.config.DATA_DIR)).toEqual(files)
    const [table] = await t.host.database.sql`select to_regclass('greeting_word') as name`
    expect(table?.name).toBeNull()
  })

  test('without the setting nothing is installed at all', async () => {
    const off = await createTestApp({ PLUGIN_INSTALL: 'false' })
    const answer = await upload(zipOf(SOUND), await off.signInSuperuser())
    expect(answer.body).toMatchObject({ code: 403, msg: expect.stringContaining('PLUGIN_INSTALL') })
    await off.close()
  })

  test('what is not installed cannot be downloaded or uninstalled', async () => {
    expect((await superuser.get('/sys/plugins/nowhere')).status).toBe(404)
    expect((await uninstall('nowhere')).status).toBe(404)
    expect((await uninstall('No-Where')).status).toBe(422)
  })
})
