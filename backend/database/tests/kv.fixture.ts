import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { type Kv, type KvLog, KvUnavailable } from '#backend/database/kv'

export const racers = <T>(count: number, race: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => race(index)))

/** What every adapter guarantees. `open` makes a port that shares nothing with the others. */
export function contract(open: () => Promise<Kv>): void {
  let kv: Kv

  beforeAll(async () => {
    kv = await open()
  })
  afterEach(() => kv.delByPrefix('t:'))
  afterAll(() => kv.close())

  it('reads back what was written, and null for what was not', async () => {
    expect(await kv.get('t:a')).toBeNull()
    await kv.set('t:a', '值 ')
    expect(await kv.get('t:a')).toBe('值 ')
    await kv.set('t:a', '')
    expect(await kv.get('t:a')).toBe('')
  })

  it('answers many keys in their order, null where there is none', async () => {
    await kv.set('t:a', '1')
    await kv.set('t:c', '3')
    expect(await kv.mget(['t:c', 't:b', 't:a'])).toEqual(['3', null, '1'])
    expect(await kv.mget([])).toEqual([])
  })

  it('forgets a value when its time is over', async () => {
    await kv.set('t:a', '1', { ttl_ms: 60 })
    expect(await kv.get('t:a')).toBe('1')
    await delay(90)
    expect(await kv.get('t:a')).toBeNull()
    expect(await kv.del(['t:a'])).toBe(0)
    expect(await kv.setIfAbsent('t:a', '2')).toBe(true)
  })

  it('tells the time left, and null for a key without expiry or without the key', async () => {
    await kv.set('t:a', '1', { ttl_ms: 5_000 })
    const left = await kv.ttl('t:a')
    expect(left).toBeGreaterThan(4_000)
    expect(left).toBeLessThanOrEqual(5_000)
    await kv.set('t:a', '1')
    expect(await kv.ttl('t:a')).toBeNull()
    expect(await kv.ttl('t:missing')).toBeNull()
  })

  it('refuses a time to live that is not positive', async () => {
    for (const ttl_ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(kv.set('t:a', '1', { ttl_ms })).rejects.toThrow(RangeError)
      await expect(kv.incr('t:a', { ttl_ms })).rejects.toThrow(RangeError)
    }
    await kv.set('t:a', '1', { ttl_ms: 1_000.5 })
    expect(await kv.get('t:a')).toBe('1')
  })

  it('stores for exactly one of 50 racers', async () => {
    const won = await racers(50, (index) => kv.setIfAbsent('t:lock', String(index), { ttl_ms: 5_000 }))
    expect(won.filter(Boolean)).toHaveLength(1)
    expect(await kv.get('t:lock')).toBe(String(won.indexOf(true)))
  })

  it('gives every racer of getOrSet one and the same value', async () => {
    const answers = await racers(50, (index) => kv.getOrSet('t:one', `v${index}`, { ttl_ms: 5_000 }))
    expect(new Set(answers).size).toBe(1)
    expect(await kv.get('t:one')).toBe(answers[0])
    expect(await kv.ttl('t:one')).toBeGreaterThan(0)
    await kv.getOrSet('t:forever', 'v')
    expect(await kv.ttl('t:forever')).toBeNull()
  })

  it('gives a value taken by 50 racers to exactly one', async () => {
    await kv.set('t:once', 'secret')
    const answers = await racers(50, () => kv.take('t:once'))
    expect(answers.filter((answer) => answer !== null)).toEqual(['secret'])
    expect(await kv.get('t:once')).toBeNull()
  })

  it('loses no increment of 200 concurrent ones', async () => {
    const answers = await racers(200, () => kv.incr('t:hits', { ttl_ms: 5_000 }))
    expect(answers.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    )
    expect(await kv.count('t:hits')).toBe(200)
    expect(await kv.count('t:none')).toBe(0)
  })

  it('does not extend a counter window by counting, and starts anew after it', async () => {
    expect((await kv.incr('t:hits', { ttl_ms: 150 })).ttl_ms).toBeLessThanOrEqual(150)
    await delay(60)
    const second = await kv.incr('t:hits', { ttl_ms: 150 })
    expect(second.count).toBe(2)
    expect(second.ttl_ms).toBeLessThanOrEqual(95)
    await delay(second.ttl_ms + 30)
    expect((await kv.incr('t:hits', { ttl_ms: 150 })).count).toBe(1)
  })

  it('does not count on a key that holds something else', async () => {
    await kv.set('t:text', 'text')
    await expect(kv.incr('t:text', { ttl_ms: 1_000 })).rejects.toThrow(TypeError)
    await expect(kv.count('t:text')).rejects.toThrow(TypeError)
  })

  it('counts the keys it deleted', async () => {
    await kv.set('t:a', '1')
    await kv.set('t:b', '1')
    expect(await kv.del(['t:a', 't:b', 't:c'])).toBe(2)
    expect(await kv.del([])).toBe(0)
  })

  it('deletes by prefix without touching a neighbour', async () => {
    for (const key of ['t:user:1:a', 't:user:1:b', 't:user:10:a', 't:user:1', 't:x:t:user:1:a']) await kv.set(key, '1')
    expect(await kv.delByPrefix('t:user:1:')).toBe(2)
    expect(await kv.mget(['t:user:1:a', 't:user:10:a', 't:user:1', 't:x:t:user:1:a'])).toEqual([null, '1', '1', '1'])
    await expect(kv.delByPrefix('t:user:1')).rejects.toThrow(RangeError)
    await expect(kv.delByPrefix('')).rejects.toThrow(RangeError)
  })

  it.each(['t:*:', 't:?:', 't:[ab]:', 't:\\*:', 't:[^a]:'])(
    'takes the characters of the prefix %s literally',
    async (prefix) => {
      const neighbours = ['t:a:k', 't:b:k', 't:ab:k', 't:*x:k']
      for (const key of [`${prefix}k`, ...neighbours]) await kv.set(key, '1')
      expect(await kv.delByPrefix(prefix)).toBe(1)
      expect(await kv.mget([`${prefix}k`, ...neighbours])).toEqual([null, '1', '1', '1', '1'])
    },
  )

  it('deletes more keys by prefix than one batch holds', async () => {
    await racers(1_200, (index) => kv.set(`t:many:${index}`, '1'))
    expect(await kv.delByPrefix('t:many:')).toBe(1_200)
  })

  it('gives a lock back to its holder alone', async () => {
    await kv.set('t:lock', 'mine')
    expect(await kv.compareAndDelete('t:lock', 'yours')).toBe(false)
    expect(await kv.get('t:lock')).toBe('mine')
    expect(await kv.compareAndDelete('t:lock', 'mine')).toBe(true)
    expect(await kv.compareAndDelete('t:lock', 'mine')).toBe(false)
  })

  it('delivers messages in order to every listener of the channel and to nobody else', async () => {
    const heard: string[] = []
    const stops = [
      await kv.subscribe('news', (message) => heard.push(`a${message}`)),
      await kv.subscribe('news', (message) => heard.push(`b${message}`)),
      await kv.subscribe('other', (message) => heard.push(`c${message}`)),
    ]
    await kv.publish('news', '1')
    await kv.publish('news', '2')
    await vi.waitFor(() => expect(heard).toHaveLength(4))
    expect(heard).toEqual(['a1', 'b1', 'a2', 'b2'])

    await stops[0]?.()
    await stops[0]?.()
    await kv.publish('news', '3')
    await vi.waitFor(() => expect(heard).toHaveLength(5))
    await stops[1]?.()
    await kv.publish('news', '4')
    await kv.publish('other', '5')
    await vi.waitFor(() => expect(heard.slice(4)).toEqual(['b3', 'c5']))
    await stops[2]?.()
  })

  it('goes on delivering after a listener threw', async () => {
    const heard: string[] = []
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const stopBad = await kv.subscribe('news', () => {
      throw new Error('bad listener')
    })
    const stop = await kv.subscribe('news', (message) => heard.push(message))
    await kv.publish('news', '1')
    await vi.waitFor(() => expect(heard).toEqual(['1']))
    await Promise.all([stopBad(), stop()])
  })

  it('is ready, answers a ping, and refuses everything once closed', async () => {
    const other = await open()
    expect(other.isReady()).toBe(true)
    await other.ping()
    await other.close()
    expect(other.isReady()).toBe(false)
    await expect(other.get('t:a')).rejects.toThrow(KvUnavailable)
    await expect(other.publish('news', '1')).rejects.toThrow(KvUnavailable)
    await expect(other.subscribe('news', () => {})).rejects.toThrow(KvUnavailable)
    await other.close()
  })
}

export function recorder(): KvLog & { lines: { level: string; message: string }[] } {
  const lines: { level: string; message: string }[] = []
  const at = (level: string) => (_: object, message: string) => void lines.push({ level, message })
  return { lines, info: at('info'), warn: at('warn'), error: at('error') }
}
