import { expect, test } from 'vitest'
import { shipContinuously } from '#backend/core/audit/ship-loop'

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

test.each([
  ['catches up', true],
  ['rests between its batches', false],
])('it ends after the batch under way, also while it %s', async (_, is_behind) => {
  let batches = 0
  const loop = shipContinuously(async (between) => {
    do {
      batches += 1
      await turn()
    } while (await between({ took_ms: is_behind ? 0 : 60_000, is_behind }))
  })
  loop.wake()
  await expect.poll(() => batches, { interval: 1, timeout: 5_000 }).toBeGreaterThan(0)
  await loop.stop()
  const at_end = batches
  await turn()
  expect(batches).toBe(at_end)
})

test('it leaves the database to others for longer than it has taken, unless there is much to catch up with', async () => {
  const took_ms = 30
  const rests: number[] = []
  for (const is_behind of [false, true]) {
    const loop = shipContinuously(async (between) => {
      const began = performance.now()
      await between({ took_ms, is_behind })
      rests.push(performance.now() - began)
    })
    loop.wake()
    await expect.poll(() => rests.length, { timeout: 5_000 }).toBe(is_behind ? 2 : 1)
    await loop.stop()
  }
  const [resting = 0, catching_up = 0] = rests
  expect(resting).toBeGreaterThan(took_ms)
  expect(catching_up).toBeLessThan(resting)
})
