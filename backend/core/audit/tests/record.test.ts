import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyOf } from '#backend/core/audit/record'
import { record } from '#backend/core/audit/tests/audit.fixture'

test('the text that is hashed is what JSON.stringify writes, so that records of any release can be verified', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 80 })
  const fields = fc.record({
    title: text,
    path: fc.string({ unit: 'binary', maxLength: 80 }),
    username: fc.option(text),
    msg: fc.option(text),
    cost_time: fc.double({ min: 0, max: 1e9, noNaN: true }),
    args: fc.constantFrom(null, '{"a":"\\u2028"}'),
  })
  fc.assert(
    fc.property(fields, (given) => {
      const one = record('x', given)
      const { args, diff, ...rest } = one
      const { trace_id, username, method, title, path, ip, country, region, city, user_agent, os, browser, device } =
        rest
      const { status, code, msg, cost_time, opera_time } = rest
      const about = {
        trace_id,
        username,
        method,
        title,
        path,
        ip,
        country,
        region,
        city,
        user_agent,
        os,
        browser,
        device,
      }
      const written = JSON.stringify({ ...about, status, code, msg, cost_time, opera_time })
      expect(bodyOf(one)).toBe(`${written.slice(1, -1)},"args":${args},"diff":${diff}`)
    }),
  )
})
