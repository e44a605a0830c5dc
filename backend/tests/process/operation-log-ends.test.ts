import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolder, runCli, signIn, startServer } from '#backend/tests/process/spawned'

const made = makeFolder()
afterAll(() => made.remove())

test('what a server has stored in the embedded database is missed once it is gone from there', async () => {
  const server = await startServer(made.path)
  try {
    await signIn(server.url, 'admin', '123456')
  } finally {
    await server.stop()
  }
  const verify = () => runCli(['audit', 'verify'], made.path)
  const { code, stdout } = await verify()
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\S{36} {2}[1-9]\d* verified, 0 removed\n/),
  })
  const wipe = join(made.path, 'wipe.sql')
  writeFileSync(wipe, 'delete from sys_opera_log;\ndelete from sys_audit_removal;\ndelete from sys_audit_stream;\n')
  expect(await runCli(['sql', wipe], made.path)).toMatchObject({ code: 0 })
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining(stdout.slice(0, 36)) })
}, 90_000)
