import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Refusal } from '#backend/common/errors'
import { digestOf, pluginFiles, readArchive, writeArchive } from '#backend/core/plugin/install/archive'
import { HOSTILE_ARCHIVES } from '#backend/core/plugin/install/tests/hostile-archives'
import { craftZip } from '#backend/core/plugin/install/tests/zip-craft'
import { LOCALES, translate } from '#backend/locale/translate'

const LIMIT = { bytes_max: 5 * 1024 * 1024 }
const text = (files: ReadonlyMap<string, Buffer>) =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.toString()]))

async function refusalOf(zip: Buffer): Promise<Refusal> {
  const outcome = await readArchive(zip, LIMIT).catch((error: unknown) => error)
  if (!(outcome instanceof Refusal)) throw new Error(`not refused: ${String(outcome)}`, { cause: outcome })
  return outcome
}

describe('an archive is refused, with its own reason in both languages, that', () => {
  test.each(Object.entries(HOSTILE_ARCHIVES))('holds %s', async (_, make) => {
    const { zip, key, names = '' } = make()
    const refusal = await refusalOf(zip)
    expect(refusal.key).toBe(key)
    expect(refusal.status).toBe(400)
    for (const locale of LOCALES) {
      const told = translate(locale, refusal.key, refusal.params)
      expect(told).toContain(names)
      expect(told).not.toMatch(/\{[a-z_]+\}|\p{C}/u)
    }
  })
})

test('a sound archive gives its files, whatever packed it', async () => {
  const crafted = craftZip([
    { name: 'plugin.json', content: '{}' },
    { name: 'api/', mode: 0o040755 },
    { name: 'api/\u6d4b\u8bd5.ts', content: 'export {}', attributes: 0 },
    { name: 'stored.txt', content: 'stored', method: 0 },
  ])
  const expected = { 'plugin.json': '{}', 'api/\u6d4b\u8bd5.ts': 'export {}', 'stored.txt': 'stored' }
  expect(text(await readArchive(crafted, LIMIT))).toEqual(expected)
})

test('one folder around everything is taken off, and hidden files with it', async () => {
  const zip = craftZip([
    { name: 'hello-main/plugin.json', content: '{}' },
    { name: 'hello-main/api/hello.api.ts', content: 'x' },
    { name: 'hello-main/.gitignore', content: 'dist' },
    { name: '__MACOSX/hello-main/._plugin.json', content: 'x' },
  ])
  expect(text(await readArchive(zip, LIMIT))).toEqual({ 'plugin.json': '{}', 'api/hello.api.ts': 'x' })
})

test('what is written is read again, the same files always giving the same bytes and digest', async () => {
  const files = new Map([
    ['service/a.service.ts', Buffer.from('a')],
    ['plugin.json', Buffer.from('{}')],
  ])
  const reversed = new Map([...files].reverse())
  const zip = writeArchive(files)
  expect(writeArchive(reversed).equals(zip)).toBe(true)
  const read = await readArchive(zip, LIMIT)
  expect(text(read)).toEqual(text(files))
  expect(digestOf(read)).toBe(digestOf(reversed))
})

test('a digest tells apart what only runs together the same, and passes over the signature alone', () => {
  const of = (files: Record<string, string>) =>
    digestOf(new Map(Object.entries(files).map(([path, bytes]) => [path, Buffer.from(bytes)])))
  expect(of({ a: 'b1:c', d: '' })).not.toBe(of({ a: 'b', '1:cd': '' }))
  expect(of({ a: 'x', 'plugin.sig': 'one' })).toBe(of({ a: 'x', 'plugin.sig': 'two' }))
  expect(of({ a: 'x' })).not.toBe(of({ a: 'y' }))
})

test('unpacking stops at the declared size, however much there is', async () => {
  const gigabyte = deflateRawSync(Buffer.alloc(256 * 1024 * 1024))
  const zip = craftZip([{ name: 'plugin.json', content: gigabyte, method: 0 }])
  // The directory now says that these bytes are 100 bytes, deflated.
  const directory = zip.length - 22 - 46 - 'plugin.json'.length
  zip.writeUInt16LE(8, directory + 10)
  zip.writeUInt32LE(100, directory + 24)
  const before = process.memoryUsage().rss
  expect((await refusalOf(zip)).key).toBe('plugin.install.archive_size')
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
})

test('files from a folder are held to the same rules of names', () => {
  const twice = new Map([
    ['plugin.json', Buffer.from('{}')],
    ['Plugin.json', Buffer.from('{}')],
  ])
  expect(() => pluginFiles(twice)).toThrow(Refusal)
})
