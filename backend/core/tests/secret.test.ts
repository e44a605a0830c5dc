import { expect, test } from 'vitest'
import { auditKey } from '#backend/core/secret'

const NONE = { AUDIT_HASH_KEY: undefined }

test('the operation log always has a key: its own, or one that is made of the token secret', () => {
  expect(auditKey({ AUDIT_HASH_KEY: 'a key that is long enough' }, 'secret')).toBe('a key that is long enough')
  expect(auditKey(NONE, 'secret')).toMatch(/^[0-9a-f]{64}$/)
  expect(auditKey(NONE, 'secret')).toBe(auditKey(NONE, 'secret'))
  expect(auditKey(NONE, 'another')).not.toBe(auditKey(NONE, 'secret'))
})
