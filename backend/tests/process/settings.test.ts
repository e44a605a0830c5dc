import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { type InvalidConfig, parseConfig } from '#backend/core/config'
import { makeFolder, runCli, runServer, signIn, startServer } from '#backend/tests/process/spawned'

const TIMEOUT_MS = 90_000
const SECRET = 'b7f0c1d2e3a49586776859403a2b1c0d'
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

function folder(): string {
  const made = makeFolder()
  undo.push(made.remove)
  return made.path
}

function problemsOf(env: Record<string, string>): string[] {
  try {
    parseConfig(env)
    return []
  } catch (error) {
    return (error as InvalidConfig).problems.map((problem) => problem.split(':')[0] ?? '')
  }
}

describe('wrong settings', () => {
  test(
    'stop the start with one message that names every one of them, and no value',
    async () => {
      const path = folder()
      const env = { PORT: 'eighty', DATABASE_URL: 'mysql://root:hunter2@db/x', USER_LOCK_SECONDS: '0', HOST: '' }
      const { code, stderr, stdout } = await runServer(path, env)
      expect(code).toBe(1)
      const named = [...stderr.matchAll(/^ {2}- (\w+): ./gm)].map((match) => match[1])
      expect(named).toEqual(['PORT', 'DATABASE_URL', 'USER_LOCK_SECONDS'])
      expect(stderr + stdout).not.toMatch(/hunter2|eighty|\n\s+at /)
      expect(readdirSync(path)).toEqual([])
    },
    TIMEOUT_MS,
  )

  test(
    'stop production with one message that names every unsafe one',
    async () => {
      const { code, stderr } = await runServer(folder(), {
        NODE_ENV: 'production',
        TOKEN_SECRET_KEY: 'short',
        CORS_ORIGINS: 'https://a.example, *',
        ADMIN_PASSWORD: '123456',
        DEV_SAMPLE_ACCOUNTS: 'true',
        PASSWORD_HASH_COST: '4',
      })
      expect(code).toBe(1)
      const named = [...stderr.matchAll(/^ {2}- (\w+): ./gm)].map((match) => match[1])
      expect(named).toEqual([
        'TOKEN_SECRET_KEY',
        'CORS_ORIGINS',
        'ADMIN_PASSWORD',
        'DEV_SAMPLE_ACCOUNTS',
        'PASSWORD_HASH_COST',
      ])
    },
    TIMEOUT_MS,
  )

  const production = { NODE_ENV: 'production', TOKEN_SECRET_KEY: SECRET }
  test.each([
    ['TOKEN_SECRET_KEY', ''],
    ['TOKEN_SECRET_KEY', SECRET.slice(1)],
    ['TOKEN_SECRET_KEY', 'a'.repeat(40)],
    ['TOKEN_SECRET_KEY', 'your-secret-key-please-change-me-soon'],
    ['CORS_ORIGINS', '*'],
    ['ADMIN_PASSWORD', '1234567'],
    ['ADMIN_PASSWORD', 'Password1234'],
    ['DEV_SAMPLE_ACCOUNTS', 'true'],
    ['PASSWORD_HASH_COST', '9'],
  ])('production refuses %s=%s alone', (name, value) => {
    expect(problemsOf(production)).toEqual([])
    expect(problemsOf({ ...production, [name]: value })).toEqual([name])
  })
})

describe('.env.example', () => {
  const example = fileURLToPath(new URL('../../../.env.example', import.meta.url))

  test('copied as it is changes nothing', () => {
    const copied = parseEnv(readFileSync(example, 'utf8')) as Record<string, string>
    expect(parseConfig(copied)).toEqual(parseConfig({}))
  })

  test(
    'is what the schema says, and a change of it is told',
    async () => {
      expect(await runCli(['env', 'write', example, '--check'], folder())).toMatchObject({ code: 0, stderr: '' })
      const path = folder()
      const other = await runCli(['env', 'write', join(path, 'none'), '--check'], path)
      expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('is not current') })
    },
    TIMEOUT_MS,
  )
})

describe('the administrator of a first start in production', () => {
  const env = { NODE_ENV: 'production', TOKEN_SECRET_KEY: SECRET, PASSWORD_HASH_COST: '10', LOG_DIR: 'logs' }

  test(
    'gets a random password that is printed once and reaches no log file',
    async () => {
      const path = folder()
      const first = await startServer(path, env)
      undo.push(() => first.stop('SIGKILL'))
      const password = /password (\S+)$/m.exec(first.stdout())?.[1] ?? ''
      expect(password.length).toBeGreaterThanOrEqual(16)
      expect(await signIn(first.url, 'admin', password)).toMatch(/^ey/)
      await first.stop()
      const logs = readdirSync(join(path, 'logs')).map((name) => readFileSync(join(path, 'logs', name), 'utf8'))
      expect(logs.join('')).toContain('/api/v1/auth/login')
      expect(logs.join('')).not.toContain(password)

      const second = await startServer(path, env)
      undo.push(() => second.stop())
      expect(second.stdout()).not.toMatch(/password/i)
      expect(await signIn(second.url, 'admin', password)).toMatch(/^ey/)
    },
    TIMEOUT_MS,
  )

  test(
    'has the password of ADMIN_PASSWORD, which obeys the policy or stops the start',
    async () => {
      const path = folder()
      const policy = { ...env, USER_PASSWORD_REQUIRE_SPECIAL_CHAR: 'true' }
      const refused = await runServer(path, { ...policy, ADMIN_PASSWORD: 'NoSpecial99' })
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ADMIN_PASSWORD: [^\n]+\n$/) })
      const server = await startServer(path, { ...policy, ADMIN_PASSWORD: 'Spec!al-99' })
      undo.push(() => server.stop())
      expect(server.stdout()).not.toContain('Spec!al-99')
      expect(await signIn(server.url, 'admin', 'Spec!al-99')).toMatch(/^ey/)
    },
    TIMEOUT_MS,
  )
})
