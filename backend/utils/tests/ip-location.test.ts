import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createIpLocator, locateIp } from '#backend/utils/ip-location'

const NOWHERE = { country: null, region: null, city: null }

it('locates a public address, null for what the data does not know', async () => {
  expect(await locateIp('218.4.167.70')).toEqual({ country: '中国', region: '江苏省', city: '苏州市' })
  expect(await locateIp('8.8.8.8')).toEqual({ country: '美国', region: null, city: null })
  expect(await locateIp('::ffff:218.4.167.70')).toMatchObject({ city: '苏州市' })
})

it.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '203.0.113.5',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '2001:db8::1',
  'garbage',
  '',
])('puts %s nowhere', async (ip) => {
  expect(await locateIp(ip)).toEqual(NOWHERE)
})

it('answers the same question once', async () => {
  expect(await locateIp('218.4.167.70')).toBe(await locateIp('218.4.167.70'))
})

it('is nowhere without its file, and says so once', async () => {
  const report = vi.fn()
  const locate = createIpLocator('/does/not/exist.xdb', report)
  expect(await Promise.all([locate('218.4.167.70'), locate('8.8.8.8')])).toEqual([NOWHERE, NOWHERE])
  expect(await locate('1.1.1.1')).toEqual(NOWHERE)
  expect(report).toHaveBeenCalledTimes(1)
  expect(report.mock.calls[0]?.[0].cause.message).toContain('/does/not/exist.xdb')
})

it('reads files of the newer structure, which name no part of the country', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'xdb-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'v3.xdb'), xdbOfOneBlock([218, 4], '中国|江苏省|苏州市|电信|CN'))
  const locate = createIpLocator(join(folder, 'v3.xdb'))
  expect(await locate('218.4.167.70')).toEqual({ country: '中国', region: '江苏省', city: '苏州市' })
  expect(await locate('218.5.0.1')).toEqual(NOWHERE)
})

it.each([
  ['of IPv6', 6],
  ['of nothing known', 9],
])('does not take a file %s', async (_, ip_version) => {
  const folder = await mkdtemp(join(tmpdir(), 'xdb-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = xdbOfOneBlock([218, 4], 'x|x|x|x|x')
  file.writeUInt16LE(ip_version, 16)
  await writeFile(join(folder, 'other.xdb'), file)
  const report = vi.fn()
  expect(await createIpLocator(join(folder, 'other.xdb'), report)('218.4.167.70')).toEqual(NOWHERE)
  expect(report).toHaveBeenCalledTimes(1)
})

/** A structure 3 file that knows one /16: header, an index by the first two bytes, one segment, one text. */
function xdbOfOneBlock([a, b]: [number, number], text: string): Buffer {
  const HEADER = 256
  const INDEX = 256 * 256 * 8
  const SEGMENT = 14
  const words = Buffer.from(text)
  const file = Buffer.alloc(HEADER + INDEX + SEGMENT + words.length)
  file.writeUInt16LE(3, 0)
  file.writeUInt16LE(4, 16)
  const segment = HEADER + INDEX
  file.writeUInt32LE(segment, HEADER + (a * 256 + b) * 8)
  file.writeUInt32LE(segment, HEADER + (a * 256 + b) * 8 + 4)
  file.set([0, 0, b, a, 255, 255, b, a], segment)
  file.writeUInt16LE(words.length, segment + 8)
  file.writeUInt32LE(segment + SEGMENT, segment + 10)
  words.copy(file, segment + SEGMENT)
  return file
}
