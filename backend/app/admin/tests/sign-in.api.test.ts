import { randomBytes } from 'node:crypto'
import { desc, eq, like } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { user } from '#backend/app/admin/model/user.model'
import { asBearer, elsewhere, PASSWORD, refreshCookie, signInForm } from '#backend/app/admin/tests/sign-in.fixture'
import { createTestApp, type TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const { account, login } = signInForm(() => t)

describe('signing in', () => {
  test('gives an access token, keeps the refresh token in a cookie that scripts cannot read, and logs it', async () => {
    const { id, username } = await account()
    const answer = await login(username, PASSWORD, '172.20.0.9', { selectAccount: 'admin' })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      code: 200,
      msg: '登录成功',
      data: {
        access_token: expect.any(String),
        access_token_expire_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        session_uuid: expect.any(String),
        password_expire_days_remaining: null,
        user: expect.objectContaining({ id, username, is_superuser: false, dept_id: null }),
      },
    })
    expect(answer.text).not.toContain('password"')
    const { iat, exp } = JSON.parse(Buffer.from(answer.body.data.access_token.split('.')[1], 'base64url').toString())
    expect(exp - iat).toBe(t.config.TOKEN_EXPIRE_SECONDS)
    const { header, value } = refreshCookie(answer)
    expect(header).toMatch(/HttpOnly/)
    expect(header).toMatch(/SameSite=Lax/)
    expect(header).toMatch(/Path=\/api\/v1\/auth\/refresh/)
    expect(answer.text).not.toContain(value)
    const codes = await t.anonymous.get('/auth/codes', asBearer(answer.body.data.access_token))
    expect(codes.body).toMatchObject({ code: 200, data: [] })
    const [logged] = await t.db.select().from(loginLog).where(eq(loginLog.username, username))
    expect(logged).toMatchObject({ status: 1, ip: '172.20.0.9' })
    const [row] = await t.db.select().from(user).where(eq(user.id, id))
    expect(row?.last_login_time).toEqual(expect.any(String))
    expect(row?.updated_time).toBeNull()
  })

  test('a hash made by the Python original verifies', async () => {
    const password = '$2b$04$dKtAPY4ZQ4Y0pDQ3KFcGAuZQ4FjPQFlmk9GOpmbZ6E2X3uY9Vv6Zy'
    const known = await hashPassword('123456', { cost: 5 })
    expect(known).toMatch(/^\$2b\$05\$/)
    const { username } = await account({ password: known })
    expect((await login(username, '123456')).status).toBe(200)
    const other = await account({ password })
    expect((await login(other.username, 'not it')).status).toBe(400)
  })

  test('unknown user, wrong password, disabled account and locked account are one answer', async () => {
    const wrong = await account()
    const disabled = await account({ status: 0 })
    const locked = await account()
    const network = elsewhere()
    for (let attempt = 0; attempt < 5; attempt += 1) await login(locked.username, 'nope', network)
    const answers = [
      await login('nobody_of_that_name', PASSWORD),
      await login(wrong.username, 'nope'),
      await login(disabled.username, PASSWORD),
      await login(locked.username, PASSWORD, network.replace(/\d+$/, '250')),
    ]
    for (const { status, body } of answers) {
      expect(status).toBe(400)
      expect({ ...body, trace_id: '' }).toEqual({ code: 400, msg: '用户名或密码有误', data: null, trace_id: '' })
    }
    const reasons = await t.db.select().from(loginLog).where(eq(loginLog.status, 0)).orderBy(desc(loginLog.id)).limit(4)
    expect(reasons.map(({ msg }) => msg)).toEqual(['账号已锁定', '账号或所属部门已停用', '密码错误', '用户不存在'])
  })

  test('a failure costs the same work whether or not there is such an account', async () => {
    const { username } = await account({ password: await hashPassword(PASSWORD, { cost: 10 }) })
    const slow = await createTestApp({ PASSWORD_HASH_COST: '10' })
    try {
      await slow.db
        .insert(user)
        .values({ username, nickname: 'x', password: await hashPassword(PASSWORD, { cost: 10 }) })
      const time = async (name: string) => {
        const start = performance.now()
        await slow.anonymous.post('/auth/login', { username: name, password: 'nope' }, { remoteAddress: elsewhere() })
        return performance.now() - start
      }
      await time('warm up')
      // The least of several alternating tries is what is left when the machine's other work is taken away.
      const unknown: number[] = []
      const known: number[] = []
      for (let round = 0; round < 8; round += 1) {
        unknown.push(await time('nobody_at_all'))
        known.push(await time(username))
      }
      const ratio = Math.min(...unknown) / Math.min(...known)
      expect(ratio).toBeGreaterThan(0.5)
      expect(ratio).toBeLessThan(2)
    } finally {
      await slow.close()
    }
  })

  test('five failures lock an account for their network and nobody else', async () => {
    const { username } = await account()
    const attacker = elsewhere()
    for (let attempt = 0; attempt < 5; attempt += 1) await login(username, 'nope', attacker)
    expect((await login(username, PASSWORD, attacker.replace(/\d+$/, '200'))).status).toBe(400)
    expect((await login(username, PASSWORD)).status).toBe(200)
  })

  test('guesses at once cannot exceed the threshold', async () => {
    const { username } = await account()
    const network = elsewhere().replace(/\d+$/, '')
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        login(username, index === 29 ? PASSWORD : 'nope', `${network}${index + 1}`),
      ),
    )
    const compared = await t.db.select().from(loginLog).where(eq(loginLog.username, username))
    expect(guesses).toHaveLength(30)
    expect(compared.filter(({ msg }) => msg === '密码错误').length).toBeLessThanOrEqual(5)
  })

  test('an account guessed at from many networks demands a captcha although they are off', async () => {
    const { username } = await account()
    for (let guess = 0; guess < 20; guess += 1) await login(username, 'nope')
    const refused = await login(username, PASSWORD)
    expect(refused).toMatchObject({ status: 400, body: { msg: '请输入验证码' } })
    const captcha = await t.anonymous.get('/auth/captcha', { remoteAddress: elsewhere() })
    expect(captcha.body.data.is_enabled).toBe(true)
    const text = await t.host.kv.get(`captcha:${captcha.body.data.uuid}`)
    expect((await login(username, PASSWORD, elsewhere(), { uuid: captcha.body.data.uuid, captcha: text })).status).toBe(
      200,
    )
    expect((await login((await account()).username, PASSWORD)).status).toBe(200)
  })

  test('a disabled department keeps its members out', async () => {
    const root = await t.signInSuperuser()
    const name = `Dept ${randomBytes(4).toString('hex')}`
    await root.post('/sys/depts', { name, status: 0 })
    const dept_id = (await root.get(`/sys/depts?name=${encodeURIComponent(name)}`)).body.data[0].id
    const { username } = await account({ dept_id })
    expect((await login(username, PASSWORD)).status).toBe(400)
  })

  test('what is missing is named, and a password is never echoed', async () => {
    const empty = await t.anonymous.post('/auth/login', {}, { remoteAddress: elsewhere() })
    expect(empty.body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'username'], input: {} },
      { type: 'missing', loc: ['body', 'password'], input: {} },
    ])
    const long = await t.anonymous.post(
      '/auth/login',
      { password: `canary${'x'.repeat(300)}`, username: 5 },
      { remoteAddress: elsewhere() },
    )
    expect(long.status).toBe(422)
    expect(long.text).not.toContain('canary')
    const alone = await t.anonymous.post('/auth/login', { password: 'canary' }, { remoteAddress: elsewhere() })
    expect(alone.text).not.toContain('canary')
  })

  test('malformed JSON, a wrong media type and an oversized body are the client’s fault', async () => {
    const send = (payload: string, type: string) =>
      t.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload,
        headers: { 'content-type': type },
        remoteAddress: elsewhere(),
      })
    const malformed = await send('{"username": ', 'application/json')
    expect(malformed.statusCode).toBe(400)
    expect(malformed.json()).toMatchObject({ code: 400, data: null, trace_id: expect.any(String) })
    expect((await send('{"__proto__": {"x": 1}}', 'application/json')).statusCode).toBe(400)
    expect((await send('<x/>', 'application/xml')).statusCode).toBe(415)
    expect((await send(`{"username":"${'x'.repeat(1_100_000)}"}`, 'application/json')).statusCode).toBe(413)
  })

  test('five sign-ins a minute per address; another address is not concerned', async () => {
    const { username } = await account()
    const address = elsewhere()
    const statuses = []
    for (let attempt = 0; attempt < 6; attempt += 1) statuses.push((await login(username, PASSWORD, address)).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
    const limited = await login(username, PASSWORD, address)
    expect(limited.headers['retry-after']).toEqual(expect.stringMatching(/^\d+$/))
    expect(limited.body).toMatchObject({ code: 429, data: null, trace_id: expect.any(String) })
    expect((await login(username, PASSWORD)).status).toBe(200)
  })

  test('what the limit or the validation refuses is in the log as well', async () => {
    const { username } = await account()
    const address = elsewhere()
    for (let tries = 0; tries < 6; tries += 1) await login(username, 'nope', address)
    await login(username, 'x'.repeat(300))
    await t.anonymous.post(
      '/auth/login',
      { username: `${username}\0`, password: 'nope' },
      { remoteAddress: elsewhere() },
    )
    const rows = await t.db
      .select({ name: loginLog.username, msg: loginLog.msg })
      .from(loginLog)
      .where(like(loginLog.username, `${username}%`))
      .orderBy(desc(loginLog.id))
    expect(rows).toHaveLength(8)
    expect(rows.slice(0, 3)).toEqual([
      { name: `${username}\uFFFD`, msg: '请求无效' },
      { name: username, msg: '请求无效' },
      { name: username, msg: '尝试过于频繁' },
    ])
  })

  test('nor is a body left out that cannot be read', async () => {
    const remoteAddress = elsewhere()
    const bodies: [string, string, number][] = [
      ['application/json', '{"username": "admin", ', 400],
      ['application/json', `{"username": "${'x'.repeat(2_000_000)}"}`, 413],
      ['application/xml', '<username>admin</username>', 415],
    ]
    for (const [type, payload, status] of bodies) {
      const headers = { 'content-type': type }
      const answer = await t.app.inject({ method: 'POST', url: '/api/v1/auth/login', remoteAddress, headers, payload })
      expect(answer.statusCode).toBe(status)
    }
    const rows = await t.db
      .select({ name: loginLog.username, msg: loginLog.msg })
      .from(loginLog)
      .where(eq(loginLog.ip, remoteAddress))
    expect(rows).toEqual(bodies.map(() => ({ name: '', msg: '请求无效' })))
  })

  test('a forwarded address counts only behind a trusted proxy', async () => {
    const { username } = await account()
    const from = (remoteAddress: string, forwarded: string) =>
      t.anonymous.post(
        '/auth/login',
        { username, password: PASSWORD },
        { remoteAddress, headers: { 'x-forwarded-for': forwarded } },
      )
    for (let attempt = 0; attempt < 6; attempt += 1)
      expect((await from('10.1.1.1', `203.0.113.${attempt + 1}`)).status).toBe(200)
    const stranger = elsewhere()
    for (let attempt = 0; attempt < 5; attempt += 1) await from(stranger, `203.0.114.${attempt + 1}`)
    expect((await from(stranger, '203.0.114.99')).status).toBe(429)
  })

  test('whoever may hold one session only loses the older one', async () => {
    const { username } = await account({ is_multi_login: false })
    const first = (await login(username, PASSWORD)).body.data.access_token
    expect((await t.anonymous.get('/auth/codes', asBearer(first))).status).toBe(200)
    const second = (await login(username, PASSWORD)).body.data.access_token
    expect((await t.anonymous.get('/auth/codes', asBearer(first))).status).toBe(401)
    expect((await t.anonymous.get('/auth/codes', asBearer(second))).status).toBe(200)
  })

  test('an expired password is refused, one about to expire is announced', async () => {
    const expired = await account({ last_password_changed_time: '2020-01-01 00:00:00' })
    expect((await login(expired.username, PASSWORD)).body.msg).toBe('密码已过期，请联系管理员重置')
    const soon = new Date(Date.now() - 360 * 86_400_000).toISOString()
    const reminded = await account({ last_password_changed_time: soon })
    const days = (await login(reminded.username, PASSWORD)).body.data.password_expire_days_remaining
    expect(days).toBeGreaterThanOrEqual(4)
    expect(days).toBeLessThanOrEqual(5)
  })
})
