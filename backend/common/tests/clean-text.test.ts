import { expect, test } from 'vitest'
import { cleanText } from '#backend/common/clean-text'

test('text is cut, and holds nothing that a column could not', () => {
  expect(cleanText('abcdef', 3)).toBe('abc')
  expect(cleanText('a\0b', 9)).toBe('a\uFFFDb')
  expect(cleanText('a\ud800b', 9)).toBe('a\uFFFDb')
  expect(cleanText('a😀', 2)).toBe('a\uFFFD')
  expect(cleanText('部门😀', 9)).toBe('部门😀')
})
