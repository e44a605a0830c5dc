import { expect, it } from 'vitest'
import { createCaptcha } from '#backend/utils/captcha'

it('is a base64 PNG of 120 by 40', () => {
  const { image } = createCaptcha()
  expect(image).toMatch(/^[A-Za-z0-9+/]+=*$/)
  const png = Buffer.from(image, 'base64')
  expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([120, 40])
})

it('draws something: it is larger than an empty image', () => {
  expect(Buffer.from(createCaptcha().image, 'base64').length).toBeGreaterThan(800)
})

it('asks for four characters that are not taken for others, different each time', () => {
  const texts = Array.from({ length: 100 }, () => createCaptcha().text)
  for (const text of texts) expect(text).toMatch(/^[A-HJKMNP-Z2-9]{4}$/)
  expect(new Set(texts).size).toBeGreaterThan(95)
})

it('looks different each time', () => {
  expect(createCaptcha().image).not.toBe(createCaptcha().image)
})
