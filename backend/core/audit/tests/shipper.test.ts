import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createShipper, type Shipper, type Source } from '#backend/core/audit/shipper'
import { openSpool, type Spool } from '#backend/core/audit/spool'
import { record, workplace } from '#backend/core/audit/tests/audit.fixture'
import { auditDatabase, sink } from '#backend/core/audit/tests/audit-database.fixture'

const tables = auditDatabase()
const { messages, numbers: stored } = tables
let place: ReturnType<typeof workplace>
let spool: Spool
let shipper: Shipper

const shipperOf = (source: Source) =>
  createShipper({ source, key: 'key', sink, database: tables.get(), log: place.log })

beforeEach(() => {
  place = workplace()
  spool = openSpool({ root: place.root, key: 'key' })
  shipper = shipperOf(spool)
})
afterEach(async () => {
  await spool.close()
  place.remove()
})

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
async function write(count: number): Promise<void> {
  for (let nr = 0; nr < count; nr += 1) await spool.append(record('x'))
}

/** Records of which three are more than a batch. */
async function writeLong(count: number): Promise<void> {
  const args = JSON.stringify({ text: 'x'.repeat(25_000) })
  for (let nr = 0; nr < count; nr += 1) await spool.append(record('long', { args }))
}

describe('shipping', () => {
  test('stores each record once, however often and by however many it is tried', async () => {
    const spool = openSpool({ root: place.root, key: 'key', segment_bytes: 3_000 })
    for (let nr = 0; nr < 30; nr += 1) await spool.append(record(String(nr)))
    const source = () => ({ stream: spool.stream, segments: spool.segments.map((segment) => ({ ...segment })) })
    // Two that read the same files: only the last of them, which neither removes, is left in both.
    const shippers = [1, 2, 3].map(() => shipperOf(source()))
    const last = shipperOf({ stream: spool.stream, segments: spool.segments })
    const outcomes = await Promise.allSettled([...shippers, last].map((one) => one.ship()))
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
    expect(await messages()).toEqual(Array.from({ length: 30 }, (_, nr) => String(nr)))
    await spool.append(record('30'))
    await last.ship()
    expect(await messages()).toHaveLength(31)
    expect(readdirSync(spool.folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1)
    await spool.close()
  })

  test('ends between two batches where it is told to, and goes on from there', async () => {
    await writeLong(12)
    const batches: number[] = []
    const isWhole = await shipper.ship(async ({ is_behind }) => {
      batches.push((await stored()).length)
      expect(is_behind).toBe(false)
      return batches.length < 2
    })
    expect(isWhole).toBe(false)
    expect(batches).toHaveLength(2)
    expect(await stored()).toEqual(upTo(batches.at(-1) ?? 0))
    expect(await shipper.ship()).toBe(true)
    expect(await stored()).toEqual(upTo(12))
    expect(shipper.pendingBytes()).toBe(0)
  })

  test('catches up where it falls behind on its way', async () => {
    await writeLong(40)
    const behind: boolean[] = []
    await shipper.ship(async ({ is_behind }) => {
      behind.push(is_behind)
      if (behind.length === 1) await writeLong(200)
      return behind.length < 3
    })
    expect(behind.slice(0, 2)).toEqual([false, true])
  })

  test('comes to an end however much is written meanwhile', async () => {
    await writeLong(6)
    const isWhole = await shipper.ship(async () => {
      await writeLong(4)
      return true
    })
    expect(isWhole).toBe(true)
    expect(shipper.pendingBytes()).toBeGreaterThan(0)
    expect(await shipper.ship()).toBe(true)
    expect(shipper.pendingBytes()).toBe(0)
  })

  test('one row that the database refuses costs no other row, and is kept as far as it can be', async () => {
    const spool = openSpool({ root: place.root, key: 'key' })
    for (let nr = 0; nr < 5; nr += 1)
      await spool.append(record(String(nr), nr === 2 ? { args: '{"a":"\\u0000"}', path: '/bad' } : {}))
    await shipperOf(spool).ship()
    expect(await messages()).toEqual(['0', '1', expect.stringMatching(/^\(22\w{3}\) 2$/), '3', '4'])
    expect(place.lines).toMatchObject([{ level: 50, seq: 3 }])
    await spool.close()
  })
})

describe('a position that was changed in the database', () => {
  test.each([
    ['set ahead', 'stored_seq = 1000000'],
    ['set back', 'stored_seq = 1'],
    ['set to nothing', 'stored_seq = 0'],
    ['made another’s', "mac = ''"],
  ])('and %s is believed by nobody: no record is left out, and no file removed', async (_, change) => {
    await write(3)
    await shipper.ship()
    const [before] = await tables.get().sql`select stored_seq, mac from sys_audit_stream`
    await tables.get().sql.unsafe(`update sys_audit_stream set ${change}`)
    await write(3)
    const fresh = shipperOf(spool)
    await expect(fresh.ship()).rejects.toThrow('was altered')
    if (change.includes('stored_seq')) await expect(shipper.ship()).rejects.toThrow('was altered')
    expect(readdirSync(spool.folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1)
    await tables.get().sql`update sys_audit_stream set stored_seq = ${before?.stored_seq}, mac = ${before?.mac}`
    await fresh.ship()
    expect(await stored()).toEqual(upTo(6))
  })

  test('as by going back to a copy of it, is gone back to: what the files still have is stored again', async () => {
    await write(5)
    await shipper.ship()
    const copy = await tables.get().sql`select * from sys_audit_stream`
    await write(5)
    await shipper.ship()
    await tables.get().sql`delete from sys_opera_log where seq > 5`
    await tables.get().sql`update sys_audit_stream set ${tables.get().sql({ ...copy[0] })}`
    await write(1)
    await shipper.ship()
    expect(await stored()).toEqual(upTo(11))
    expect(place.lines).toMatchObject([{ level: 50, stored_seq: 5 }])
    await write(1)
    await shipper.ship()
    expect(await stored()).toEqual(upTo(12))
  })
})
