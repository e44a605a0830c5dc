import { afterEach, expect, it, vi } from 'vitest'
import { randomHex32, token, uuidv7 } from '#backend/utils/random'

afterEach(() => {
  vi.useRealTimers()
})

it('makes UUIDs of version 7 with the time in front', () => {
  const before = Date.now()
  const uuid = uuidv7()
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const time = Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now() + 10)
})

it('sorts UUIDs by creation, without a repetition, within a millisecond and when the clock is set back', () => {
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
  const uuids = Array.from({ length: 10_000 }, uuidv7)
  vi.setSystemTime(Date.now() - 5_000)
  uuids.push(...Array.from({ length: 10_000 }, uuidv7))
  expect(uuids).toEqual(uuids.toSorted())
  expect(new Set(uuids).size).toBe(uuids.length)
})

it('makes tokens of the asked number of bytes that need no escaping in a URL', () => {
  expect(token(32)).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(token(32)).not.toBe(token(32))
})

it('makes 32 hexadecimal characters', () => {
  expect(randomHex32()).toMatch(/^[0-9a-f]{32}$/)
  expect(randomHex32()).not.toBe(randomHex32())
})
