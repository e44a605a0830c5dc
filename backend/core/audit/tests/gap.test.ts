import { expect, test } from 'vitest'
import { createGap } from '#backend/core/audit/gap'

const said = (text: string | null | undefined) => JSON.parse(text ?? 'null') as unknown

test('what is missing is said once, and again only where it could not be kept, whoever asks meanwhile', () => {
  const gap = createGap()
  gap.add('2026-01-02T00:00:00.000Z')
  gap.add('2026-01-01T00:00:00.000Z')
  const taken = gap.take()
  expect(gap.take()).toBeUndefined()
  gap.add('2026-01-03T00:00:00.000Z')
  taken?.restore()
  const again = gap.take()
  expect(said(again?.record.args)).toEqual({
    count: 3,
    from: '2026-01-01T00:00:00.000Z',
    to: '2026-01-03T00:00:00.000Z',
  })
  expect(gap.take()).toBeUndefined()
})
