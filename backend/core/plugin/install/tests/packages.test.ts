import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Refusal } from '#backend/common/errors'
import type { CoreFacts } from '#backend/core/plugin/install/facts'
import { loadInstalled } from '#backend/core/plugin/install/load'
import { npmReason } from '#backend/core/plugin/install/packages'
import { stagePlugin } from '#backend/core/plugin/install/stage'
import { manifestWith, pluginWith } from '#backend/core/plugin/install/tests/plugin-files'

const root = mkdtempSync(join(tmpdir(), 'fba-packages-'))
const data_dir = join(root, 'data')
const FACTS: CoreFacts = {
  apps: ['admin'],
  built_ins: [],
  plugins: [],
  routes: [],
  tables: [],
  permissions: [],
  env_keys: [],
  model_names: [],
  menu_names: [],
}
let registry: Server
let tarball: Buffer
const asked: string[] = []

/** A registry with one package, which would leave a mark if one of its scripts ran. */
beforeAll(async () => {
  const folder = join(root, 'tiny')
  mkdirSync(folder)
  const mark = `node -e "require('fs').writeFileSync('${join(root, 'ran')}', '')"`
  const scripts = { preinstall: mark, install: mark, postinstall: mark, prepare: mark }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'tiny', version: '1.0.0', main: 'index.js', scripts }),
  )
  writeFileSync(join(folder, 'index.js'), "exports.tiny = 'from the registry'\n")
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', root], { cwd: folder, stdio: 'ignore' })
  tarball = readFileSync(join(root, 'tiny-1.0.0.tgz'))
  registry = createServer(({ url = '' }, reply) => {
    asked.push(url)
    if (url.endsWith('.tgz')) return reply.end(tarball)
    if (url !== '/tiny') return reply.writeHead(404).end()
    const dist = { tarball: `${origin()}/tiny/-/tiny-1.0.0.tgz`, integrity: integrity() }
    reply.setHeader('content-type', 'application/json')
    const version = { name: 'tiny', version: '1.0.0', dist }
    return reply.end(JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }))
  })
  await new Promise<void>((resolve) => {
    registry.listen(0, '127.0.0.1', resolve)
  })
  vi.stubEnv('npm_config_registry', `${origin()}/`)
  vi.stubEnv('npm_config_cache', join(root, 'cache'))
  // As below `npm run -s`.
  vi.stubEnv('npm_config_loglevel', 'silent')
})
afterAll(() => {
  registry.close()
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const origin = () => `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
const integrity = () => `sha512-${createHash('sha512').update(tarball).digest('base64')}`

const withTiny = (checksum: string) =>
  pluginWith({
    'plugin.json': manifestWith({ capabilities: ['tasks'], tables: [], permissions: [] }),
    'plugin.ts': `import { tiny } from 'tiny'
import { definePlugin } from '#backend/core/plugin/definition'
export const plugin = definePlugin({ tasks: { [tiny]: { cron: '0 0 * * *', run: async () => {} } } })`,
    'migrations/0000_words.up.sql': undefined,
    'migrations/0000_words.down.sql': undefined,
    'package.json': JSON.stringify({ name: 'x', dependencies: { tiny: '1.0.0' } }),
    'package-lock.json': JSON.stringify({
      lockfileVersion: 3,
      packages: {
        '': { dependencies: { tiny: '1.0.0' } },
        // An address of the lock file's own is not asked.
        'node_modules/tiny': { version: '1.0.0', integrity: checksum, resolved: 'https://192.0.2.1/tiny.tgz' },
      },
    }),
  })

const options = { facts: FACTS, data_dir, public_keys: [] }

test('a package comes from the registry by the lock file, runs no script, and is part of what is stored', async () => {
  const { report, archive, digest } = await stagePlugin(withTiny(integrity()), options)
  expect(report.tasks).toEqual(['from the registry'])
  expect(asked).toContain('/tiny/-/tiny-1.0.0.tgz')
  expect(() => readFileSync(join(root, 'ran'))).toThrow(/ENOENT/)
  const questions = asked.length
  const { tasks } = await loadInstalled({ name: 'greeting', digest, archive }, data_dir)
  expect(Object.keys(tasks ?? {})).toEqual(['from the registry'])
  expect(asked.length).toBe(questions)
})

test('a package other than the lock file says is refused', async () => {
  rmSync(join(root, 'cache'), { recursive: true, force: true })
  const other = `sha512-${createHash('sha512').update('other').digest('base64')}`
  const outcome = await stagePlugin(withTiny(other), options).catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(Refusal)
  expect((outcome as Refusal).key).toBe('plugin.install.package_failed')
  expect(String((outcome as Refusal).params.reason)).toMatch(/^EINTEGRITY: /)
})

test('npm never fails without a reason', () => {
  const ended = { code: 1, signal: null, stderr: '' } as const
  const stderr = 'npm warn x\nnpm error code ECONNREFUSED\nnpm error \nnpm error A complete log of this run: x\n'
  expect(npmReason({ ...ended, stderr })).toBe('ECONNREFUSED')
  expect(npmReason({ ...ended, stderr: 'node: bad option\n' })).toBe('node: bad option')
  expect(npmReason(ended)).toBe('npm ended with 1')
  expect(npmReason({ ...ended, code: null, signal: 'SIGKILL' })).toBe('npm ended with SIGKILL')
  expect(npmReason({ ...ended, code: null, broke: 'time' })).toBe('limit of time')
})
