import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What the `source` condition of package.json says to Node; the loader of global setups reads no conditions.
const resolve = {
  alias: [{ find: /^#backend\/(.*)$/, replacement: `${fileURLToPath(new URL('backend', import.meta.url))}/$1.ts` }],
}

export default defineConfig({
  test: {
    // Most of a test's time is spent waiting for a database or for a process, so no core need be left free.
    maxWorkers: '100%',
    projects: [
      {
        resolve,
        test: { name: 'tooling', include: ['scripts/tests/**/*.test.ts'], testTimeout: 120_000 },
      },
      {
        resolve,
        test: {
          name: 'backend',
          include: ['backend/**/*.test.ts'],
          globalSetup: ['backend/tests/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          pool: 'forks',
        },
      },
    ],
  },
})
