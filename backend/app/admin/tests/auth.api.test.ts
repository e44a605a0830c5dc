import { createHmac, randomBytes } from 'node:crypto'
import { desc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { REFRESH_TOKEN } from '#backend/core/tokens'
import { type Answer, createTestApp, type TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

const PASSWORD = 'Correct-horse-1'

async function account(fields: Partial<typeof user.$inferInsert> = {}): Promise<{ id: number; username: string }> {
  const username = `login_${randomBytes(5).toString('hex')}`
  const password = await hashPassword(PASSWORD, { cost: 4 })
  const [row] = await t.db
    .insert(user)
    .values({ username, nickname: username, password, is_multi_login: true, ...fields })
    .returning()
  return { id: row?.id ?? 0, username }
}

let hosts = 0
/** Each call from another network, so that limits and locks of one test do not touch the next. */
const elsewhere = () => {
  hosts += 1
  return `172.16.${hosts % 256}.${Math.floor(hosts / 256) + 1}`
}

const login = (username: string, password: string, remoteAddress = elsewhere(), more: object = {}) =>
  t.anonymous.post('/auth/login', { username, password, ...more }, { remoteAddress })

function refreshCookie(answer: Answer): { value: string; header: string } {
  const header = [answer.headers['set-cookie']].flat().find((one) => String(one).startsWith('fba_refresh_token='))
  const value = /^fba_refresh_token=([^;]*)/.exec(String(header))?.[1] ?? ''
  return { value, header: String(header) }
}

const refresh = (value: string) =>
  t.anonymous.post('/auth/refresh', undefined, { headers: { cookie: `fba_refresh_token=${value}` } })

const asBearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

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

describe('captcha', () => {
  let strict: TestApp
  beforeAll(async () => {
    strict = await createTestApp({ LOGIN_CAPTCHA_ENABLED: 'true' })
  })
  afterAll(() => strict.close())

  const captcha = async () => {
    const { body } = await strict.anonymous.get('/auth/captcha', { remoteAddress: elsewhere() })
    return { uuid: body.data.uuid as string, text: (await strict.host.kv.get(`captcha:${body.data.uuid}`)) ?? '' }
  }
  const attempt = (password: string, uuid?: string, text?: string) =>
    strict.anonymous.post(
      '/auth/login',
      { username: 'admin', password, ...(uuid === undefined ? {} : { uuid, captcha: text }) },
      { remoteAddress: elsewhere() },
    )

  test('is a bare base64 PNG', async () => {
    const { status, body } = await strict.anonymous.get('/auth/captcha', { remoteAddress: elsewhere() })
    expect(status).toBe(200)
    expect(body.data).toEqual({
      is_enabled: true,
      expire_seconds: 300,
      uuid: expect.any(String),
      image: expect.any(String),
    })
    expect(Buffer.from(body.data.image, 'base64').subarray(1, 4).toString()).toBe('PNG')
  })

  test('is demanded, compared in any case, and told apart by its code', async () => {
    expect((await attempt('123456')).body).toMatchObject({ code: 400, msg: '请输入验证码', data: null })
    const { uuid, text } = await captcha()
    const wrong = await attempt('123456', uuid, 'zzzz')
    expect(wrong).toMatchObject({ status: 400, body: { code: 40001, msg: '验证码错误或已过期' } })
    expect((await attempt('123456', uuid, text.toUpperCase())).status).toBe(200)
  })

  test('survives a wrong password but not a successful sign-in', async () => {
    const { uuid, text } = await captcha()
    expect((await attempt('nope', uuid, text)).body.msg).toBe('用户名或密码有误')
    expect((await attempt('123456', uuid, text)).status).toBe(200)
    expect((await attempt('123456', uuid, text)).body.code).toBe(40001)
  })

  test('dies after five wrong tries', async () => {
    const { uuid, text } = await captcha()
    for (let tries = 0; tries < 5; tries += 1) await attempt('123456', uuid, 'zzzz')
    expect((await attempt('123456', uuid, text)).body.code).toBe(40001)
  })

  test('lets one of several sign-ins at once through', async () => {
    const { uuid, text } = await captcha()
    const answers = await Promise.all(Array.from({ length: 4 }, () => attempt('123456', uuid, text)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('five images in thirty seconds per address', async () => {
    const remoteAddress = elsewhere()
    const statuses = []
    for (let tries = 0; tries < 6; tries += 1)
      statuses.push((await strict.anonymous.get('/auth/captcha', { remoteAddress })).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
  })
})

describe('refreshing', () => {
  test('rotates: the new pair works and the session stays', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const second = await refresh(refreshCookie(first).value)
    expect(second.status).toBe(200)
    expect(second.body.data).toEqual({
      access_token: expect.any(String),
      access_token_expire_time: expect.any(String),
      session_uuid: first.body.data.session_uuid,
    })
    expect((await t.anonymous.get('/auth/codes', asBearer(second.body.data.access_token))).status).toBe(200)
    expect((await refresh(refreshCookie(second).value)).status).toBe(200)
  })

  test('fifty at once with one token get one new pair, the very same', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshCookie(first).value)))
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(new Set(answers.map((answer) => refreshCookie(answer).value)).size).toBe(1)
    const next = await refresh(refreshCookie(answers[0] as Answer).value)
    expect(next.status).toBe(200)
  })

  test('the same answer is given for a bounded time only', async () => {
    const short = await createTestApp({ TOKEN_REFRESH_GRACE_SECONDS: '1' })
    const exchange = (value: string) =>
      short.anonymous.post('/auth/refresh', undefined, { headers: { cookie: `fba_refresh_token=${value}` } })
    try {
      const body = { username: 'admin', password: '123456' }
      const first = refreshCookie(await short.anonymous.post('/auth/login', body)).value
      const second = await exchange(first)
      expect((await exchange(first)).text).toBe(second.text)
      await new Promise((resolve) => setTimeout(resolve, 1200))
      expect((await exchange(first)).status).toBe(401)
      expect((await exchange(refreshCookie(second).value)).status).toBe(401)
    } finally {
      await short.close()
    }
  })

  test('using an old token again ends the whole session and is logged', async () => {
    const { username } = await account()
    const first = await login(username, PASSWORD)
    const between = await refresh(refreshCookie(first).value)
    const second = await refresh(refreshCookie(between).value)
    expect((await refresh(refreshCookie(first).value)).status).toBe(401)
    expect((await refresh(refreshCookie(second).value)).status).toBe(401)
    expect((await t.anonymous.get('/auth/codes', asBearer(second.body.data.access_token))).status).toBe(401)
    const [last] = await t.db
      .select()
      .from(loginLog)
      .where(eq(loginLog.username, username))
      .orderBy(desc(loginLog.id))
      .limit(1)
    expect(last).toMatchObject({ status: 0, msg: 'Refresh Token 被重复使用，会话已结束' })
  })

  test('a token of one kind is refused as the other', async () => {
    const { username } = await account()
    const signedIn = await login(username, PASSWORD)
    expect((await refresh(signedIn.body.data.access_token)).status).toBe(401)
    expect((await t.anonymous.get('/auth/codes', asBearer(refreshCookie(signedIn).value))).status).toBe(401)
  })

  test('without a cookie 400, with garbage 401', async () => {
    expect((await t.anonymous.post('/auth/refresh')).status).toBe(400)
    expect((await refresh('garbage')).status).toBe(401)
  })

  test('the session of a disabled user gives nothing more', async () => {
    const { id, username } = await account()
    const signedIn = await login(username, PASSWORD)
    await t.db.update(user).set({ status: 0 }).where(eq(user.id, id))
    t.host.actors.clear()
    expect((await refresh(refreshCookie(signedIn).value)).status).toBe(401)
  })
})

describe('tokens', () => {
  test('unsigned, foreign, other algorithm, other audience or expired: 401', async () => {
    const { id } = await account()
    const person = await t.signInUser(id)
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const [, payload = '', signature = ''] = person.token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const sign = (changed: object) => {
      const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(changed)}`
      return `${body}.${createHmac('sha256', t.host.token_secret).update(body).digest('base64url')}`
    }
    expect((await t.anonymous.get('/auth/codes', asBearer(sign(claims)))).status).toBe(200)
    const forged = [
      'garbage',
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      `${encode({ alg: 'HS512', typ: 'JWT' })}.${payload}.${signature}`,
      `${person.token.slice(0, -3)}abc`,
      sign({ ...claims, aud: 'fba:refresh' }),
      sign({ ...claims, iss: 'somebody' }),
      sign({ ...claims, typ: REFRESH_TOKEN }),
      sign({ ...claims, sub: '1' }),
      sign({ ...claims, exp: claims.iat - 60 }),
      sign({ ...claims, sid: 'no such session' }),
    ]
    for (const token of forged) expect((await t.anonymous.get('/auth/codes', asBearer(token))).status, token).toBe(401)
    expect((await person.get('/auth/codes')).status).toBe(200)
  })

  test('a session past its end is refused although its token is not', async () => {
    const { id } = await account()
    const person = await t.signInUser(id)
    await t.db
      .update(session)
      .set({ expire_time: new Date(Date.now() + 300) })
      .where(eq(session.session_uuid, person.session_uuid))
    t.host.actors.clear()
    expect((await person.get('/auth/codes')).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect((await person.get('/auth/codes')).status).toBe(401)
  })
})

describe('signing out', () => {
  test('ends the session at once', async () => {
    const { username } = await account()
    const signedIn = await login(username, PASSWORD)
    const token = signedIn.body.data.access_token
    const answer = await t.anonymous.post('/auth/logout', undefined, asBearer(token))
    expect(answer).toMatchObject({ status: 200, body: { code: 200, data: null } })
    expect((await t.anonymous.get('/auth/codes', asBearer(token))).status).toBe(401)
    expect((await refresh(refreshCookie(signedIn).value)).status).toBe(401)
  })

  test('never answers 401: without a token, with garbage, or twice', async () => {
    expect((await t.anonymous.post('/auth/logout')).status).toBe(200)
    expect((await t.anonymous.post('/auth/logout', undefined, asBearer('garbage'))).status).toBe(200)
    const person = await t.signIn()
    expect((await person.post('/auth/logout')).status).toBe(200)
    expect((await person.post('/auth/logout')).status).toBe(200)
  })
})

describe('signing in from the documentation page', () => {
  const form = (payload: string, headers: Record<string, string> = {}) =>
    t.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login/swagger',
      payload,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      remoteAddress: elsewhere(),
    })

  test('takes a form or HTTP Basic and answers as OAuth 2 clients expect', async () => {
    const byForm = await form('grant_type=password&username=admin&password=123456')
    expect(byForm.statusCode).toBe(200)
    expect(byForm.json()).toMatchObject({
      access_token: expect.any(String),
      token_type: 'Bearer',
      user: { username: 'admin' },
    })
    const byBasic = await form('', { authorization: `Basic ${Buffer.from('admin:123456').toString('base64')}` })
    expect(byBasic.statusCode).toBe(200)
  })

  test('reads nothing from the query string and is limited like sign-in', async () => {
    const query = await t.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login/swagger?username=admin&password=123456',
      remoteAddress: elsewhere(),
    })
    expect(query.statusCode).toBe(400)
    const remoteAddress = elsewhere()
    const statuses: number[] = []
    for (let tries = 0; tries < 6; tries += 1)
      statuses.push(
        (await t.app.inject({ method: 'POST', url: '/api/v1/auth/login/swagger', remoteAddress })).statusCode,
      )
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429])
  })

  test('does not exist in production', async () => {
    const production = await createTestApp({
      NODE_ENV: 'production',
      TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
      PASSWORD_HASH_COST: '10',
    })
    try {
      const answer = await production.app.inject({ method: 'POST', url: '/api/v1/auth/login/swagger' })
      expect(answer.statusCode).toBe(404)
      expect((await production.app.inject({ url: '/docs' })).statusCode).toBe(404)
      expect((await production.app.inject({ url: '/openapi' })).statusCode).toBe(404)
      const signedIn = await production.anonymous.post('/auth/login', { username: 'admin', password: '123456' })
      expect(refreshCookie(signedIn).header).toMatch(/Secure/)
    } finally {
      await production.close()
    }
  })
})
