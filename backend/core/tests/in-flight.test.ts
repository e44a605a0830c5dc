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
