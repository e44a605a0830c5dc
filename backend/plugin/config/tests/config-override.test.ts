import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { elsewhere, PASSWORD, signInForm } from '#backend/app/admin/tests/sign-in.fixture'
import { systemCtx } from '#backend/core/host'
import { type PluginRuntime, startRuntime } from '#backend/core/plugin/runtime'
import { settingsOf } from '#backend/core/settings'
import { openProcess, type Process } from '#backend/core/tests/process.fixture'
import { config } from '#backend/plugin/config/model/config.model'
import { seed } from '#backend/plugin/config/seed/seed'
import { APPS, buildApp } from '#backend/server'
import { type Caller, callerOf, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
/** Another process of the same database, and its API. */
let other: Process
let there: Caller
let runtime: PluginRuntime

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  other = await openProcess({
    database_url: t.config.DATABASE_URL ?? '',
    settings: {
      LOGIN_CAPTCHA_ENABLED: 'false',
      PASSWORD_HASH_COST: '4',
      TOKEN_SECRET_KEY: t.host.token_secret,
    },
  })
  runtime = await startRuntime(other.host, (set) => buildApp(other.host, APPS, set))
  there = callerOf(() => runtime.current().app, { authorization: `Bearer ${root.token}` })
})
afterAll(async () => {
  await runtime.stop()
  await other.close()
  await t.close()
})

const { account } = signInForm(() => t)
const setDirectly = (key: string, value: string) => t.db.update(config).set({ value }).where(eq(config.key, key))

/** Sends all rows of a group with some values changed, as the page does. */
async function save(type: string, values: Record<string, string | number>): Promise<void> {
  const rows: { key: string; value: string }[] = (await root.get(`/sys/configs/all?type=${type}`)).body.data
  const changed = rows.map((row) => ({ ...row, value: values[row.key] ?? row.value }))
  expect((await root.put('/sys/configs', changed)).body).toMatchObject({ code: 200 })
}

beforeEach(async () => {
  await setDirectly('USER_SECURITY_CONFIG_STATUS', '0')
  await setDirectly('LOGIN_CONFIG_STATUS', '0')
  await setDirectly('USER_LOCK_THRESHOLD', '5')
})

/** Whether the right password is still accepted after two wrong ones from one network. */
async function admitsAfterTwoFailures(by: Caller): Promise<boolean> {
  const { username } = await account()
  const remoteAddress = elsewhere()
  const login = (password: string) => by.post('/auth/login', { username, password }, { remoteAddress })
  for (const wrong of ['Wrong-1', 'Wrong-2']) expect((await login(wrong)).status).toBe(400)
  return (await login(PASSWORD)).status === 200
}

describe('a change on one process takes effect on another', () => {
  test('at the next sign-in: the lock after failures', async () => {
    expect(await admitsAfterTwoFailures(there)).toBe(true)
    await save('USER_SECURITY', { USER_LOCK_THRESHOLD: '2' })
    expect(await admitsAfterTwoFailures(there)).toBe(true)
    await save('USER_SECURITY', { USER_SECURITY_CONFIG_STATUS: '1' })
    expect(await admitsAfterTwoFailures(there)).toBe(false)
    await save('USER_SECURITY', { USER_LOCK_THRESHOLD: '3' })
    expect(await admitsAfterTwoFailures(there)).toBe(true)
  })

  test('at the next form: the captcha', async () => {
    const { username } = await account()
    const login = () => there.post('/auth/login', { username, password: PASSWORD }, { remoteAddress: elsewhere() })
    const captcha = async () => (await there.get('/auth/captcha', { remoteAddress: elsewhere() })).body.data
    expect(await captcha()).toMatchObject({ is_enabled: false })
    expect((await login()).status).toBe(200)
    await save('LOGIN', { LOGIN_CONFIG_STATUS: '1', LOGIN_CAPTCHA_ENABLED: 'true' })
    expect(await captcha()).toMatchObject({ is_enabled: true })
    expect((await login()).body.msg).toBe('请输入验证码')
    await save('LOGIN', { LOGIN_CAPTCHA_ENABLED: 'false' })
    expect(await captcha()).toMatchObject({ is_enabled: false })
    expect((await login()).status).toBe(200)
  })

  test('at the next e-mail: its server, its port and its account', async () => {
    const seen = async () => {
      const entries = Object.entries(await settingsOf(systemCtx(other.host)))
      return Object.fromEntries(entries.filter(([name]) => name.startsWith('EMAIL_')))
    }
    const ofEnvironment = { EMAIL_PROTOCOL: 'smtp', EMAIL_PORT: 465, EMAIL_SSL: true }
    expect(await seen()).toEqual(ofEnvironment)
    // The form sends an edited port as a number, and a password that nobody typed as blank.
    await save('EMAIL', { EMAIL_HOST: 'smtp.example.org', EMAIL_PORT: 25, EMAIL_SSL: 'false', EMAIL_PASSWORD: '' })
    expect(await seen()).toEqual(ofEnvironment)
    await save('EMAIL', { EMAIL_STATUS: '1', EMAIL_USERNAME: 'robot@example.org' })
    const saved = {
      EMAIL_PROTOCOL: 'smtp',
      EMAIL_HOST: 'smtp.example.org',
      EMAIL_PORT: 25,
      EMAIL_USERNAME: 'robot@example.org',
      EMAIL_SSL: false,
    }
    expect(await seen()).toEqual(saved)
    await save('EMAIL', { EMAIL_PASSWORD: ' as typed ' })
    expect(await seen()).toEqual({ ...saved, EMAIL_PASSWORD: ' as typed ' })
    await save('EMAIL', { EMAIL_STATUS: '0' })
    expect(await seen()).toEqual(ofEnvironment)
  })

  test('at the next password: its length, its characters, its history and its age', async () => {
    const make = (password: string) =>
      there.post('/sys/users', { username: `u${Date.now()}`, nickname: 'x', password, roles: [], dept_id: 1 })
    await save('USER_SECURITY', {
      USER_SECURITY_CONFIG_STATUS: '1',
      USER_PASSWORD_MIN_LENGTH: '10',
      USER_PASSWORD_MAX_LENGTH: '12',
      USER_PASSWORD_REQUIRE_SPECIAL_CHAR: 'true',
    })
    expect((await make('Short-123')).body.msg).toContain('10')
    expect((await make('Far-too-long-1')).body.msg).toContain('12')
    expect((await make('NoSpecial12')).body.msg).toBe('密码必须包含特殊字符')
    await save('USER_SECURITY', {
      USER_PASSWORD_MIN_LENGTH: '6',
      USER_PASSWORD_REQUIRE_SPECIAL_CHAR: 'false',
      USER_PASSWORD_HISTORY_CHECK_COUNT: '0',
      USER_PASSWORD_EXPIRY_DAYS: '10',
      USER_PASSWORD_REMINDER_DAYS: '10',
    })
    const { id, username } = await account()
    for (let times = 0; times < 2; times += 1)
      expect((await there.put(`/sys/users/${id}/password`, { password: 'Same-123' })).status).toBe(200)
    const login = await there.post('/auth/login', { username, password: 'Same-123' }, { remoteAddress: elsewhere() })
    expect(login.body.data).toMatchObject({ password_expire_days_remaining: 10 })
  })
})

test('a wrong value that an old database holds is ignored and logged, and the environment holds', async () => {
  await setDirectly('USER_SECURITY_CONFIG_STATUS', '1')
  await setDirectly('USER_LOCK_THRESHOLD', 'two')
  await setDirectly('USER_LOCK_SECONDS', '77')
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
  const ctx = { ...other.ctx, log }
  expect(await settingsOf(ctx)).toMatchObject({ USER_LOCK_THRESHOLD: 5, USER_LOCK_SECONDS: 77 })
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, setting: 'USER_LOCK_THRESHOLD' }])
  expect(await admitsAfterTwoFailures(there)).toBe(true)
})

test('without the plugin the environment holds, on every process', async () => {
  await save('USER_SECURITY', { USER_SECURITY_CONFIG_STATUS: '1', USER_LOCK_THRESHOLD: '2' })
  const admitted = async () => [await admitsAfterTwoFailures(t.anonymous), await admitsAfterTwoFailures(there)]
  const toggle = async () => expect((await root.put('/sys/plugins/config/status')).status).toBe(200)
  expect(await admitted()).toEqual([false, false])
  await toggle()
  expect(await admitted()).toEqual([true, true])
  expect(await settingsOf(systemCtx(other.host))).toMatchObject({ USER_LOCK_THRESHOLD: 5 })
  await toggle()
  expect(await admitted()).toEqual([false, false])
})

describe('what a database starts with', () => {
  const rows = () => t.db.select().from(config).orderBy(config.id)

  test('is what the environment says, switched off; the switch of e-mail of a taken-over one is kept', async () => {
    await t.db.delete(config)
    const ctx = {
      ...systemCtx(t.host),
      config: {
        ...t.config,
        USER_LOCK_THRESHOLD: 9,
        LOGIN_CAPTCHA_ENABLED: false,
        EMAIL_HOST: 'mail.example.org',
        EMAIL_PASSWORD: 'of-the-environment',
      },
    }
    await t.db
      .insert(config)
      .values({ name: 'x', type: 'EMAIL', key: 'EMAIL_CONFIG_STATUS', value: '1', is_frontend: false })
    await seed(ctx)
    const values = Object.fromEntries((await rows()).map(({ key, value }) => [key, value]))
    expect(values).toMatchObject({
      USER_SECURITY_CONFIG_STATUS: '0',
      USER_LOCK_THRESHOLD: '9',
      USER_PASSWORD_REQUIRE_SPECIAL_CHAR: 'false',
      LOGIN_CONFIG_STATUS: '0',
      LOGIN_CAPTCHA_ENABLED: 'false',
      EMAIL_CONFIG_STATUS: '1',
      EMAIL_STATUS: '1',
      EMAIL_PASSWORD: '',
      EMAIL_PROTOCOL: 'smtp',
      EMAIL_HOST: 'mail.example.org',
      EMAIL_USERNAME: '',
    })
  })

  test('is not brought back over what an administrator did', async () => {
    await setDirectly('USER_LOCK_THRESHOLD', '8')
    await t.db.delete(config).where(eq(config.key, 'EMAIL_HOST'))
    const before = await rows()
    await seed(systemCtx(t.host))
    const after = await rows()
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.slice(before.length)).toMatchObject([{ key: 'EMAIL_HOST' }])
  })
})
