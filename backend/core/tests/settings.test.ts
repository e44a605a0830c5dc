import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '#backend/core/config'
import type { Ctx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { faultText, overridesOf, readSettings, SETTING_NAMES, settingsOf } from '#backend/core/settings'
import { createTestApp, type TestApp } from '#backend/tests/harness'

const config = parseConfig({ NODE_ENV: 'test', USER_LOCK_THRESHOLD: '4' })
const read = (texts: Record<string, string>) => {
  const { settings, faults } = readSettings(config, texts)
  return { settings, faults: faults.map(({ name }) => name) }
}

describe('texts over a configuration', () => {
  test('are read as the environment variable of that name is', () => {
    const texts = {
      USER_LOCK_THRESHOLD: '0',
      USER_LOCK_SECONDS: ' 60 ',
      LOGIN_CAPTCHA_ENABLED: 'false',
      USER_PASSWORD_REQUIRE_SPECIAL_CHAR: '1',
    }
    expect(read(texts)).toMatchObject({
      settings: {
        USER_LOCK_THRESHOLD: 0,
        USER_LOCK_SECONDS: 60,
        LOGIN_CAPTCHA_ENABLED: false,
        USER_PASSWORD_REQUIRE_SPECIAL_CHAR: true,
        USER_PASSWORD_EXPIRY_DAYS: config.USER_PASSWORD_EXPIRY_DAYS,
      },
      faults: [],
    })
  })

  test.each([
    ['USER_LOCK_THRESHOLD', '-1'],
    ['USER_LOCK_THRESHOLD', '2.5'],
    ['USER_LOCK_THRESHOLD', 'many'],
    ['USER_LOCK_THRESHOLD', ''],
    ['USER_LOCK_THRESHOLD', ' '],
    ['USER_LOCK_SECONDS', '0'],
    ['LOGIN_CAPTCHA_ENABLED', '2'],
    ['USER_PASSWORD_REQUIRE_SPECIAL_CHAR', 'maybe'],
  ] as const)('%s is not "%s": it stays what it was, and the fault names it', (name, text) => {
    const { settings, faults } = readSettings(config, { [name]: text, USER_PASSWORD_EXPIRY_DAYS: '9' })
    expect(settings).toMatchObject({ [name]: config[name], USER_PASSWORD_EXPIRY_DAYS: 9 })
    expect(faults).toMatchObject([{ name }])
    for (const fault of faults)
      for (const locale of ['zh-CN', 'en-US'] as const) expect(faultText(fault, locale)).toMatch(/./)
  })

  test('of e-mail are read too, a password as it was typed', () => {
    const texts = {
      EMAIL_PORT: '25',
      EMAIL_SSL: 'false',
      EMAIL_HOST: ' smtp.example.org ',
      EMAIL_PASSWORD: ' two words ',
    }
    expect(read(texts)).toMatchObject({
      settings: { EMAIL_PORT: 25, EMAIL_SSL: false, EMAIL_HOST: 'smtp.example.org', EMAIL_PASSWORD: ' two words ' },
      faults: [],
    })
    for (const [name, text] of [
      ['EMAIL_PORT', '0'],
      ['EMAIL_PORT', '65536'],
      ['EMAIL_SSL', 'maybe'],
      ['EMAIL_PROTOCOL', 'imap'],
    ] as const)
      expect(read({ [name]: text })).toMatchObject({ settings: { [name]: config[name] }, faults: [name] })
  })

  test('that are secrets are in no fault', () => {
    const { faults } = readSettings(config, { EMAIL_PASSWORD: 'hunter2'.repeat(200) })
    expect(faults).toMatchObject([{ name: 'EMAIL_PASSWORD' }])
    expect(JSON.stringify(faults)).not.toContain('hunter2')
    for (const fault of faults) expect(faultText(fault, 'en-US')).not.toContain('hunter2')
  })

  test('that contradict each other, or the configuration, are all ignored', () => {
    const both = read({ USER_PASSWORD_MIN_LENGTH: '20', USER_PASSWORD_MAX_LENGTH: '10' })
    expect(both.settings).toMatchObject({ USER_PASSWORD_MIN_LENGTH: 6, USER_PASSWORD_MAX_LENGTH: 32 })
    expect(both.faults).toEqual(['USER_PASSWORD_MIN_LENGTH', 'USER_PASSWORD_MAX_LENGTH'])
    expect(read({ USER_PASSWORD_MIN_LENGTH: '33' }).faults).toEqual(['USER_PASSWORD_MIN_LENGTH'])
    expect(read({ USER_PASSWORD_MAX_LENGTH: '5' }).faults).toEqual(['USER_PASSWORD_MAX_LENGTH'])
    expect(read({ USER_PASSWORD_MAX_LENGTH: '73' }).faults).toEqual(['USER_PASSWORD_MAX_LENGTH'])
    expect(read({ USER_PASSWORD_MIN_LENGTH: '33', USER_PASSWORD_MAX_LENGTH: '72' }).faults).toEqual([])
  })

  test('of anything else change nothing: no plugin moves data, trust or signatures', () => {
    const texts = { TOKEN_SECRET_KEY: 'mine', DATABASE_URL: 'postgres://elsewhere/x', TRUSTED_PROXIES: '0.0.0.0/0' }
    expect(read(texts)).toEqual({ settings: { ...config }, faults: [] })
    expect(SETTING_NAMES.filter((name) => !/^(USER|LOGIN|EMAIL)_/.test(name))).toEqual([])
  })
})

describe('the settings of a context', () => {
  let t: TestApp
  beforeAll(async () => {
    t = await createTestApp()
  })
  afterAll(() => t.close())

  const ctxWith = (overrides: Ctx['overrides'], lines: string[] = []): Ctx => {
    const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
    return { ...systemCtx(t.host), log, overrides }
  }

  test('are the configuration where no plugin overrides', async () => {
    expect(await settingsOf(ctxWith([]))).toMatchObject({ USER_LOCK_THRESHOLD: t.config.USER_LOCK_THRESHOLD })
  })

  test('are read anew each time, and of several plugins the last one counts', async () => {
    let asked = 0
    const counting = async () => {
      asked += 1
      return { USER_LOCK_THRESHOLD: String(asked), USER_LOCK_SECONDS: '10', OWN_KEY: 'x' }
    }
    const ctx = ctxWith([counting, async () => ({ USER_LOCK_SECONDS: '20' })])
    expect(await settingsOf(ctx)).toMatchObject({ USER_LOCK_THRESHOLD: 1, USER_LOCK_SECONDS: 20 })
    expect(await settingsOf(ctx)).toMatchObject({ USER_LOCK_THRESHOLD: 2, USER_LOCK_SECONDS: 20 })
    expect(await overridesOf(ctx)).toEqual({ USER_LOCK_THRESHOLD: '3', USER_LOCK_SECONDS: '20', OWN_KEY: 'x' })
  })

  test('leave out what cannot be read, and the log says which', async () => {
    const lines: string[] = []
    const ctx = ctxWith([async () => ({ USER_LOCK_THRESHOLD: 'many', USER_LOCK_SECONDS: '10' })], lines)
    expect(await settingsOf(ctx)).toMatchObject({
      USER_LOCK_THRESHOLD: t.config.USER_LOCK_THRESHOLD,
      USER_LOCK_SECONDS: 10,
    })
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, setting: 'USER_LOCK_THRESHOLD' }])
  })
})
