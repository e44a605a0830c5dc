import { randomBytes } from 'node:crypto'
import { desc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { elsewhere, refreshCookie } from '#backend/app/admin/tests/sign-in.fixture'
import { createTestApp, type TestApp } from '#backend/tests/harness'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp()
})
afterAll(() => t.close())

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

  test('an account that demands a captcha is refused, which is logged', async () => {
    const username = `guessed-${randomBytes(4).toString('hex')}`
    const body = `username=${username}&password=nope`
    for (let guess = 0; guess < 20; guess += 1) await form(body)
    expect((await form(body)).json().msg).toBe('请输入验证码')
    const [last] = await t.db.select().from(loginLog).orderBy(desc(loginLog.id)).limit(1)
    expect(last).toMatchObject({ username, status: 0, msg: '验证码错误' })
  })

  test('what cannot be credentials is logged as well', async () => {
    const username = `typed-${randomBytes(4).toString('hex')}`
    expect((await form(`username=${username}&password=${'x'.repeat(300)}`)).statusCode).toBe(422)
    const basic = Buffer.from(`${username}2:${'x'.repeat(300)}`).toString('base64')
    expect((await form('', { authorization: `Basic ${basic}` })).statusCode).toBe(400)
    const rows = await t.db.select().from(loginLog).orderBy(desc(loginLog.id)).limit(2)
    expect(rows).toMatchObject([
      { username: `${username}2`, status: 0, msg: '请求无效' },
      { username, status: 0, msg: '请求无效' },
    ])
  })

  test('an attempt without a body is in the login log once', async () => {
    const remoteAddress = elsewhere()
    const authorization = `Basic ${Buffer.from('admin:wrong').toString('base64')}`
    const url = '/api/v1/auth/login/swagger'
    const answer = await t.app.inject({ method: 'POST', url, remoteAddress, headers: { authorization } })
    expect(answer.statusCode).toBe(400)
    const rows = await t.db.select().from(loginLog).where(eq(loginLog.ip, remoteAddress))
    expect(rows).toMatchObject([{ username: 'admin', status: 0 }])
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
