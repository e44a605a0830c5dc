import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemCtx } from '#backend/core/host'
import { GIT_HOST, type GitServer, makeRepository, startGitServer } from '#backend/core/plugin/install/tests/git-server'
import { pluginWith } from '#backend/core/plugin/install/tests/plugin-files'
import { writeFiles } from '#backend/core/plugin/install/tests/staged-files'
import { installRepository } from '#backend/core/plugin/installation'
import { readSet } from '#backend/core/plugin/set-store'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

const root = mkdtempSync(join(tmpdir(), 'fba-git-install-'))
const LOCAL = '127.0.0.1'
let server: GitServer
let t: TestApp
let administrator: SignedIn

beforeAll(async () => {
  const started = await startGitServer(root)
  server = started
  vi.stubEnv('GIT_SSL_CAINFO', started.ca_file)
  makeRepository(root, 'sound', (tree) => writeFiles(tree, pluginWith()))
  t = await createTestApp({ PLUGIN_INSTALL_HOSTS: `${GIT_HOST}:${started.port}` })
  administrator = await t.signInSuperuser()
}, 60_000)
afterAll(async () => {
  await t.close()
  server.close()
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const install = (reach: Parameters<typeof installRepository>[3]) =>
  installRepository(t.host, systemCtx(t.host), `https://${GIT_HOST}:${server.port}/sound.git`, reach)
const installed = async () => (await readSet(t.db)).rows.find(({ name }) => name === 'greeting')
const resolve = async () => [LOCAL]

test('a host of a private network is refused where nobody says that it may be reached', async () => {
  await expect(install({ resolve })).rejects.toMatchObject({ key: 'plugin.install.git_private' })
  expect(await installed()).toBeUndefined()
  expect(server.requests).toEqual([])
})

test('a plugin of a repository is installed, says where it came from, answers, and can be downloaded', async () => {
  const change = await install({ resolve, admits: (address) => address === LOCAL })
  expect(change.out_of_service).toEqual([])
  expect(await installed()).toMatchObject({ source: 'git', enabled: true, version: '1.0.0' })
  expect((await administrator.get('/greeting/words')).body.data).toEqual(['hello'])
  const { status, headers } = await administrator.get('/sys/plugins/greeting')
  expect([status, headers['content-type']]).toEqual([200, 'application/zip'])
})
