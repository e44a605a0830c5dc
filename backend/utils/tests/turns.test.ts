import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTurns } from '#backend/utils/turns'

const full = () => new Error('full')
const never = () => new Promise<never>(() => {})

test('so much runs at once, the rest in the order in which it came, also after failures', async () => {
  const inTurn = createTurns({ at_once: 2, full })
  const order: number[] = []
  let running = 0
  let most = 0
  const work = (number: number) => async () => {
    order.push(number)
    running += 1
    most = Math.max(most, running)
    await sleep(5)
    running -= 1
    if (number % 2 === 0) throw new Error('even')
  }
  await Promise.allSettled(Array.from({ length: 8 }, (_, number) => inTurn(work(number))))
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(most).toBe(2)
})

test('what finds the queue full is refused', async () => {
  const inTurn = createTurns({ at_once: 1, queue_max: 1, full })
  void inTurn(never)
  void inTurn(never)
  await expect(inTurn(never)).rejects.toThrow('full')
})

test('what waits too long is refused, and costs those behind it nothing', async () => {
  const inTurn = createTurns({ at_once: 1, wait_ms: 50, full })
  const first = inTurn(() => sleep(80))
  await expect(inTurn(async () => 'late')).rejects.toThrow('full')
  const next = inTurn(async () => 'in time')
  await first
  expect(await next).toBe('in time')
  expect(await inTurn(async () => 'free')).toBe('free')
})
