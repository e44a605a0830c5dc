import { desc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

let t: TestApp
let superuser: SignedIn
beforeAll(async () => {
  t = await createTestApp({}, { plugin_folder: PLUGIN_FIXTURES })
  superuser = await t.signInSuperuser()
})
afterAll(() => t.close())

async function lastDiff(path: string): Promise<unknown> {
  await t.host.audit?.ship()
  const [row] = await t.db.select().from(operaLog).where(eq(operaLog.path, path)).orderBy(desc(operaLog.id)).limit(1)
  return row?.diff
}

test('the operation log shows which way a plugin was switched', async () => {
  const path = '/sys/plugins/addon/status'
  for (const enabled of [false, true]) {
    expect((await superuser.put(path)).status).toBe(200)
    expect(await lastDiff(`/api/v1${path}`)).toEqual([
      { table: 'sys_plugin', id: 'addon', before: { enabled: !enabled }, after: { enabled } },
    ])
  }
})
