import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FIRST_HASH, readLine } from '#backend/core/audit/record'
import { recover } from '#backend/core/audit/recover'
import { openSpool, type Spool } from '#backend/core/audit/spool'
import { adopt, listOrphans, listSegments } from '#backend/core/audit/spool-files'
import { record, workplace } from '#backend/core/audit/tests/audit.fixture'

let place: ReturnType<typeof workplace>
beforeEach(() => {
  place = workplace()
})
afterEach(() => place.remove())

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1)

/** A spool of this many records in files of about three, as its process left it. */
async function written(count: number, segment_bytes = 2_000) {
  const spool = openSpool({ root: place.root, key: 'key', segment_bytes })
  for (let nr = 1; nr <= count; nr += 1) await spool.append(record(`nr ${nr}`))
  await spool.close()
  return spool
}

const noted = (spool: Spool, msg: string) =>
  new Promise<void>((resolve, reject) => {
    spool.note(record(msg), (error) => (error === undefined ? resolve() : reject(error)))
  })

describe('the spool', () => {
  test('has a record on disk when it says so, each carrying the hash of the one before', async () => {
    const spool = openSpool({ root: place.root, key: 'key' })
    let before = FIRST_HASH
    for (let nr = 1; nr <= 5; nr += 1) {
      await spool.append(record(`nr ${nr}`))
      const lines = linesOf(spool.segments[0]?.path ?? '')
      const link = readLine(lines.at(-1) ?? '', 'key')
      expect(lines).toHaveLength(nr)
      expect(link).toMatchObject({ seq: nr, prev_hash: before })
      before = link?.hash ?? ''
    }
    expect(readLine(linesOf(spool.segments[0]?.path ?? '').at(-1) ?? '', 'another key')).toBeUndefined()
    await spool.close()
  })

  test('writes what comes at once together, and what nobody waits for within its time', async () => {
    const spool = openSpool({ root: place.root, key: '', delay_ms: 30 })
    let writes = 0
    spool.onWritten(() => {
      writes += 1
    })
    await Promise.all(Array.from({ length: 200 }, (_, nr) => spool.append(record(String(nr)))))
    expect(writes).toBeLessThan(20)
    const lazy = noted(spool, 'lazy')
    expect(linesOf(spool.segments[0]?.path ?? '')).toHaveLength(200)
    await lazy
    expect(linesOf(spool.segments[0]?.path ?? '')).toHaveLength(201)
    await spool.close()
  })

  test('lets many who come one after the other share writes, and nobody wait who is alone', async () => {
    const spool = openSpool({ root: place.root, key: '' })
    let writes = 0
    spool.onWritten(() => {
      writes += 1
    })
    const shortest = async (appends: number, pause: () => Promise<unknown>) => {
      let took_ms = Number.POSITIVE_INFINITY
      for (let nr = 0; nr < appends; nr += 1) {
        await pause()
        const began = performance.now()
        await spool.append(record('x'))
        took_ms = Math.min(took_ms, performance.now() - began)
      }
      return took_ms
    }
    const alone_ms = await shortest(40, async () => undefined)
    expect(writes).toBe(40)
    writes = 0
    // Each takes as long as a request might, and none as long as another.
    await Promise.all(Array.from({ length: 24 }, (_, nr) => shortest(40, () => sleep(1 + ((nr * 7) % 11)))))
    expect(writes).toBeLessThan((24 * 40) / 3)
    const several = (appends: number) =>
      Promise.all(Array.from({ length: 4 }, () => shortest(appends, async () => undefined)))
    await several(1)
    const among_others_ms = Math.min(...(await several(10)))
    // Much less than the time for which more are awaited, and much more than nothing.
    expect(among_others_ms - alone_ms).toBeGreaterThan(1)
    await spool.close()
  })

  test('writes what nobody waits for also after a write that took longer than that may stay', async () => {
    const spool = openSpool({ root: place.root, key: '', delay_ms: 1 })
    for (let round = 0; round < 20; round += 1) {
      const slow = spool.append(record('x'.repeat(1_000_000)))
      await new Promise(setImmediate)
      const beside = noted(spool, 'beside')
      await Promise.all([slow, beside])
      await spool.flush()
      await noted(spool, 'alone')
    }
    expect(spool.segments.flatMap(({ path }) => linesOf(path))).toHaveLength(60)
    await spool.close()
  })

  test('goes on in a new file, the chain unbroken', async () => {
    const spool = await written(10)
    const segments = listSegments(spool.folder)
    expect(segments.length).toBeGreaterThan(2)
    const links = segments.flatMap(({ path }) => linesOf(path)).map((line) => readLine(line, 'key'))
    expect(links.map((link) => link?.seq)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1))
    for (const [index, link] of links.entries()) expect(link?.prev_hash).toBe(links[index - 1]?.hash ?? FIRST_HASH)
    expect(segments.map(({ first_seq, path }) => [first_seq, readLine(linesOf(path)[0] ?? '', 'key')?.seq])).toEqual(
      segments.map(({ first_seq }) => [first_seq, first_seq]),
    )
  })

  test.skipIf(process.platform === 'win32')(
    'has each record whole where a write finds room for a part of it only',
    () => {
      const child = 'exec node --conditions=source --import tsx backend/core/audit/tests/spool.child.ts "$0"'
      // In blocks of 512 or 1024 bytes, by the shell: no multiple of a record's size.
      const said = execFileSync('sh', ['-c', `ulimit -f 16; ${child}`, place.root], { encoding: 'utf8' })
      const { written: acknowledged, path } = JSON.parse(said) as { written: number; path: string }
      expect(acknowledged).toBeGreaterThan(3)
      const text = readFileSync(path, 'utf8')
      expect(text.endsWith('\n')).toBe(true)
      expect(linesOf(path).map((line) => readLine(line, 'key')?.seq)).toEqual(
        Array.from({ length: acknowledged }, (_, index) => index + 1),
      )
    },
  )

  test('what is written by now is written, however many more come meanwhile', async () => {
    const spool = openSpool({ root: place.root, key: '' })
    let isEnough = false
    const keepWriting = async () => {
      while (!isEnough) await spool.append(record('more'))
    }
    const clients = [keepWriting(), keepWriting(), keepWriting()]
    let is_written = false
    void noted(spool, 'before').then(() => {
      is_written = true
    })
    await spool.flush()
    expect(is_written).toBe(true)
    isEnough = true
    await Promise.all(clients)
    await spool.flush()
    let writes = 0
    spool.onWritten(() => {
      writes += 1
    })
    await spool.flush()
    expect(writes).toBe(0)
    await spool.close()
  })

  test('writes nothing into a folder that another process has taken over', async () => {
    const spool = openSpool({ root: place.root, key: '', owned_ms: 0 })
    await spool.append(record('first'))
    writeFileSync(join(spool.folder, 'owner.json'), JSON.stringify({ host: 'elsewhere', pid: 1, started: 'x' }))
    await expect(spool.append(record('lost'))).rejects.toThrow('taken over')
    await expect(noted(spool, 'lost too')).rejects.toThrow('taken over')
    expect(spool.segments.flatMap(({ path }) => linesOf(path))).toHaveLength(1)
    await spool.close()
  })

  test('a failed write fails those that wait for it, leaves nothing of itself, and no gap', async () => {
    const spool = openSpool({ root: place.root, key: 'key', segment_bytes: 1 })
    await spool.append(record('first'))
    // The next record needs a new file, whose name is taken by a folder.
    const { mkdirSync, rmdirSync } = await import('node:fs')
    const blocked = join(spool.folder, '000000000000002.jsonl')
    mkdirSync(blocked)
    await expect(spool.append(record('lost'))).rejects.toThrow()
    rmdirSync(blocked)
    await spool.append(record('second'))
    const lines = listSegments(spool.folder).flatMap(({ path }) => linesOf(path))
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['first', 'second'])
    expect(readLine(lines[1] ?? '', 'key')).toMatchObject({ seq: 2, prev_hash: readLine(lines[0] ?? '', 'key')?.hash })
    await spool.close()
  })
})

describe('what a process leaves behind', () => {
  test('is found once the process is gone, and not while it lives', async () => {
    const spool = await written(1)
    expect(listOrphans(place.root)).toEqual([])
    writeFileSync(join(spool.folder, 'owner.json'), JSON.stringify({ ...owner(spool.folder), started: 'another-time' }))
    expect(listOrphans(place.root)).toEqual([spool.stream])
    adopt(spool.folder)
    expect(listOrphans(place.root)).toEqual([])
  })

  test('of another machine is left alone until it has long been silent', async () => {
    const spool = await written(1)
    writeFileSync(join(spool.folder, 'owner.json'), JSON.stringify({ ...owner(spool.folder), host: 'elsewhere' }))
    expect(listOrphans(place.root)).toEqual([])
    const { utimesSync, readdirSync } = await import('node:fs')
    const long_ago = new Date(Date.now() - 3_600_000)
    for (const name of readdirSync(spool.folder)) utimesSync(join(spool.folder, name), long_ago, long_ago)
    utimesSync(spool.folder, long_ago, long_ago)
    expect(listOrphans(place.root)).toEqual([spool.stream])
  })

  test.each([
    ['half a line', '{"seq":11,"prev_hash":"'],
    ['zeros', '\0'.repeat(500)],
    ['a line that was begun in the middle', '0","hash":"12"}\n{"seq"'],
  ])('%s at the end is dropped and reported, and nothing else', async (_, torn) => {
    const spool = await written(10)
    const whole = listSegments(spool.folder)
    appendFileSync(whole.at(-1)?.path ?? '', torn)
    const found = await recover(spool.folder, 'key', place.log)
    expect(found).toEqual({ segments: whole, torn_bytes: Buffer.byteLength(torn) })
    expect(place.lines).toMatchObject([{ level: 40, stream: spool.stream, torn_bytes: Buffer.byteLength(torn) }])
    expect(listSegments(spool.folder)).toEqual(whole)
  })

  test('whole records that are not right are no torn end: all is kept where the key is another than it was', async () => {
    const spool = await written(2, 1_000_000)
    const [whole] = listSegments(spool.folder)
    const content = readFileSync(whole?.path ?? '', 'utf8')
    const { torn_bytes, damaged } = await recover(spool.folder, 'another key', place.log)
    expect(torn_bytes).toBe(0)
    expect(readFileSync(join(place.root, damaged?.kept_in ?? ''), 'utf8')).toBe(content)
    expect(place.lines).toMatchObject([{ level: 50, seq: 1 }])
  })

  test.each([
    ['in part', 0, 20],
    ['whole', 0, Number.POSITIVE_INFINITY],
  ])(
    'what failed to be written, %s, and could not be taken back costs nothing of what was written after it',
    async (_, start, end) => {
      const spool = await written(3, 1)
      const [first, second] = listSegments(spool.folder)
      appendFileSync(first?.path ?? '', readFileSync(second?.path ?? '', 'utf8').slice(start, end))
      const { segments, damaged, torn_bytes } = await recover(spool.folder, 'key', place.log)
      expect(damaged).toBeUndefined()
      expect(torn_bytes).toBeGreaterThan(0)
      expect(segments.flatMap(({ path }) => linesOf(path)).map((line) => readLine(line, 'key')?.seq)).toEqual([1, 2, 3])
    },
  )

  test('a damaged record that others follow is reported and kept, with what follows', async () => {
    const spool = await written(10)
    const [first, second] = listSegments(spool.folder)
    const content = readFileSync(second?.path ?? '')
    content[content.length - 30] = (content[content.length - 30] ?? 0) ^ 1
    writeFileSync(second?.path ?? '', content)
    const { segments, damaged } = await recover(spool.folder, 'key', place.log)
    expect(segments[0]).toEqual(first)
    expect(damaged).toMatchObject({ path: second?.path, kept_in: `${spool.stream}.damaged` })
    const kept = readFileSync(join(place.root, `${spool.stream}.damaged`), 'utf8')
    expect(kept).toContain('"nr 10"')
    const left = listSegments(spool.folder).flatMap(({ path }) => linesOf(path))
    expect(left.length + kept.split('\n').filter((line) => line.startsWith('{"seq"')).length).toBe(10)
    expect(place.lines).toMatchObject([{ level: 50, seq: damaged?.seq }])
  })
})

const owner = (folder: string) => JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8')) as object
