import { expect, it } from 'vitest'
import { parseUserAgent } from '#backend/utils/user-agent'

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'

it('names system, browser and device', () => {
  expect(parseUserAgent(CHROME)).toEqual({
    os: 'Windows 10',
    browser: 'Chrome 126.0.0.0',
    device: 'PC',
    user_agent: CHROME,
  })
  expect(parseUserAgent(IPHONE)).toMatchObject({ os: 'iOS 17.5', browser: 'Safari 17.5', device: 'Apple iPhone' })
})

it.each([undefined, '', ' ', '\u0000', 'node', '(((((', '%s$1'])('says Unknown to %j', (header) => {
  expect(parseUserAgent(header)).toEqual({
    os: 'Unknown',
    browser: 'Unknown',
    device: 'Unknown',
    user_agent: header ?? '',
  })
})

it('bounds everything it returns', () => {
  const long = parseUserAgent(`${CHROME.replace('126.0.0.0', '1'.repeat(200))}${'x'.repeat(10_000)}`)
  expect(long.user_agent).toHaveLength(512)
  expect(long.browser).toHaveLength(64)
  for (const name of [long.os, long.browser, long.device]) expect(name.length).toBeLessThanOrEqual(64)
})

it('parses one header once', () => {
  expect(parseUserAgent(CHROME)).toBe(parseUserAgent(CHROME))
})
