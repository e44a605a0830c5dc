import { desc } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loginLog } from '#backend/app/admin/model/login-log.model'
import { elsewhere } from '#backend/app/admin/tests/sign-in.fixture'
import { createTestApp, type TestApp } from '#backend/tests/harness'

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
    const failures = await strict.db.select().from(loginLog).orderBy(desc(loginLog.id)).limit(4)
    expect(failures.filter(({ msg }) => msg === '验证码错误')).toHaveLength(3)
  })

  test('five images in thirty seconds per address', async () => {
    const remoteAddress = elsewhere()
    const statuses = []
    for (let tries = 0; tries < 6; tries += 1)
      statuses.push((await strict.anonymous.get('/auth/captcha', { remoteAddress })).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
  })
})
