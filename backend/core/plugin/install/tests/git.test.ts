import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Refusal } from '#backend/common/errors'
import { cloneFiles, fetchGit } from '#backend/core/plugin/install/git'
import { isPublicAddress } from '#backend/core/plugin/install/public-address'
import { GIT_HOST, type GitServer, makeRepository, startGitServer } from '#backend/core/plugin/install/tests/git-server'
import { SOUND } from '#backend/core/plugin/install/tests/plugin-files'
import { writeFiles } from '#backend/core/plugin/install/tests/staged-files'

const root = mkdtempSync(join(tmpdir(), 'fba-git-'))
const data_dir = join(root, 'data')
let server: GitServer

const files = () => new Map(Object.entries(SOUND).map(([path, text]) => [path, Buffer.from(text)]))

beforeAll(async () => {
  const started = await startGitServer(root)
  server = started
  vi.stubEnv('GIT_SSL_CAINFO', started.ca_file)
  makeRepository(root, 'sound', (tree) => {
    writeFiles(tree, files())
    writeFileSync(join(tree, '.gitignore'), 'dist\n')
  })
  makeRepository(root, 'linked', (tree) => {
    writeFiles(tree, files())
    symlinkSync('/etc/passwd', join(tree, 'secrets'))
  })
  makeRepository(root, 'nested', (tree) => {
    writeFiles(tree, files())
    makeRepository(tree, 'inner', (inner) => writeFileSync(join(inner, 'file'), ''))
    rmSync(join(tree, 'inner.git'), { recursive: true })
  })
  makeRepository(root, 'filtering', (tree) => {
    writeFiles(tree, files())
    writeFileSync(join(tree, '.gitattributes'), '*.ts filter=evil\n')
    writeFileSync(join(tree, 'run.sh'), '#!/bin/sh\n')
    chmodSync(join(tree, 'run.sh'), 0o755)
  })
}, 60_000)
afterAll(() => {
  server.close()
  vi.unstubAllEnvs()
  rmSync(root, { recursive: true, force: true })
})

const url = (name: string) => new URL(`https://${GIT_HOST}:${server.port}/${name}.git`)
const read = (name: string) => cloneFiles(url(name), '127.0.0.1', data_dir)

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const outcome = await work.catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error('not refused', { cause: outcome })
  return [outcome.status, outcome.key.replace('plugin.install.', ''), ...Object.values(outcome.params)].join(' ')
}

describe('a repository', () => {
  test('gives its files by the address that was checked, and leaves none behind', async () => {
    const found = await read('sound')
    expect([...found.keys()]).toEqual(Object.keys(SOUND).sort())
    expect(found.get('plugin.ts')?.toString()).toBe(SOUND['plugin.ts'])
    expect(readdirSync(join(data_dir, 'plugins', 'staging'))).toEqual([])
  })

  test('cannot run anything here, and gives what is stored in it', async () => {
    const found = await read('filtering')
    expect(found.get('plugin.ts')?.toString()).toBe(SOUND['plugin.ts'])
    expect(found.has('run.sh')).toBe(true)
  })

  test('with a link is refused', async () => {
    expect(await refusalOf(read('linked'))).toBe('400 archive_link secrets')
  })

  test('with another inside is refused', async () => {
    expect(await refusalOf(read('nested'))).toBe('400 archive_link inner-tree')
  })

  test('that has moved is not followed', async () => {
    const before = server.requests.length
    expect(await refusalOf(read('moved/sound'))).toMatch(/^400 git_failed/)
    expect(server.requests.slice(before).every((path) => path.startsWith('/moved/'))).toBe(true)
  })

  test('that is not there is refused with what git says', async () => {
    expect(await refusalOf(read('nowhere'))).toMatch(/^400 git_failed .*not found/)
    expect(readdirSync(join(data_dir, 'plugins', 'staging'))).toEqual([])
  })
})

describe('an address is refused', () => {
  const fetchFrom = (text: string, addresses: string[] = ['203.0.113.7']) =>
    fetchGit(text, { hosts: ['git.example.test', '10.0.0.1', 'localhost'], data_dir, resolve: async () => addresses })

  test.each([
    'http://git.example.test/x',
    'git://git.example.test/x',
    'ssh://git@git.example.test/x',
    'git@git.example.test:x.git',
    'file:///etc',
    '/etc',
    'ext::sh -c id',
    'https://user:secret@git.example.test/x',
    'https://git.example.test/x?y=1',
    'https://git.example.test/x#main',
    'https://git.example.test',
    '--upload-pack=id',
    `https://git.example.test/${'x'.repeat(600)}`,
  ])('that is not a plain https one: %s', async (text) => {
    expect(await refusalOf(fetchFrom(text))).toBe('400 git_url')
  })

  test.each(['https://elsewhere.test/x', 'https://git.example.test:8443/x', 'https://git.example.test.evil.test/x'])(
    'of a host that is not listed: %s',
    async (text) => {
      expect(await refusalOf(fetchFrom(text))).toMatch(/^403 git_host/)
    },
  )

  test('of a private network, also where only one of several is', async () => {
    expect(await refusalOf(fetchFrom('https://10.0.0.1/x', ['10.0.0.1']))).toBe('403 git_private 10.0.0.1')
    expect(await refusalOf(fetchFrom('https://localhost/x', ['::1']))).toBe('403 git_private localhost')
    const mixed = ['140.82.112.3', '192.168.1.1']
    expect(await refusalOf(fetchFrom('https://git.example.test/x', mixed))).toBe('403 git_private git.example.test')
    expect(existsSync(join(data_dir, 'plugins', 'nothing'))).toBe(false)
  })

  test('of a host that nobody knows', async () => {
    expect(await refusalOf(fetchFrom('https://git.example.test/x', []))).toBe('400 git_unresolved git.example.test')
  })
})

test.each(['140.82.112.3', '2606:50c0:8000::153', '8.8.8.8'])('%s is of the internet', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

test.each([
  '127.0.0.1',
  '127.8.9.1',
  '0.0.0.0',
  '10.1.2.3',
  '172.31.255.255',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  '::ffff:10.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::a00:1',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd12::1',
  'ff02::1',
  '2002:a00:1::',
  '2001:db8::1',
  'localhost',
  '',
])('%s is not', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})
