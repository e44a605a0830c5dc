import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storeTestFiles } from '../test-files.js'
import { filesBelow, ROOT } from './repository.js'

test('what runs on other services too is every test that has a database or an application, and no test without', () => {
  const chosen = new Set(storeTestFiles())
  const tests = filesBelow('backend', '.test.ts')
  const directly = tests.filter((path) =>
    /\b(createTestApp|createTestDatabase|createEmptyDatabase|inject)\(/.test(readFileSync(join(ROOT, path), 'utf8')),
  )
  expect(directly.length).toBeGreaterThan(50)
  expect(directly.filter((path) => !chosen.has(path))).toEqual([])
  // Through what they import.
  expect(chosen).toContain('backend/core/audit/tests/shipper.test.ts')
  expect(chosen).toContain('backend/database/tests/kv.test.ts')
  expect(chosen).not.toContain('backend/common/tests/paging.test.ts')
  expect(chosen).not.toContain('backend/core/plugin/install/tests/smoke.test.ts')
})
