import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createInFlight } from '#backend/core/in-flight'

test('what was added is there until it is taken out, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (steps) => {
      const in_flight = createInFlight<number>()
      const expected = new Map<number, () => void>()
      for (const [item, step] of steps.entries()) {
        const [leaving] = [...expected].slice(step % Math.max(expected.size, 1))
        if (step % 2 === 1 && leaving !== undefined) {
          leaving[1]()
          expected.delete(leaving[0])
        } else expected.set(item, in_flight.add(item))
        expect(in_flight.values().sort((a, b) => a - b)).toEqual([...expected.keys()].sort((a, b) => a - b))
      }
    }),
  )
})

test('what came and went is not kept until the whole heap is collected, as by a Set', () => {
  const set = new Set<unknown>()
  const kept_by_set = bytesKept((item) => {
    set.add(item)
    return () => set.delete(item)
  })
  expect(bytesKept(createInFlight().add)).toBeLessThan(kept_by_set / 4)
})

/** By how much the old generation grows while many come and go, some at a time. */
function bytesKept(add: (item: unknown) => () => unknown): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: object) => void
  add('stays')
  collect()
  // Twice survived is old.
  for (let time = 0; time < 2; time += 1) collect({ type: 'minor' })
  const before = oldBytes()
  const leaving: (() => unknown)[] = []
  for (let nr = 0; nr < 20_000; nr += 1) {
    leaving.push(add({ nr, data: Array.from({ length: 200 }, () => nr) }))
    if (leaving.length > 32) leaving.shift()?.()
  }
  return oldBytes() - before
}

const oldBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN
