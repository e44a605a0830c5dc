import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { emailCodeKey } from '#backend/app/admin/service/profile.service'
import { findUser, makeDept, makeRole, unique } from '#backend/app/admin/tests/user.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { hashPassword, verifyPassword } from '#backend/utils/password-hash'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp({ USER_LOCK_THRESHOLD: '3', USER_LOCK_SECONDS: '60' })
})
afterAll(() => t.close())

const PASSWORD = 'Correct-horse-1'
const DONE = { code: 200, msg: '请求成功', data: null }

/** Somebody without any permission and not staff, whose password is known. */
async function ordinary(): Promise<SignedIn> {
  const person = await t.signInAs({ is_staff: false })
  await t.db
    .update(user)
    .set({ password: await hashPassword(PASSWORD, { cost: 4 }) })
    .where(eq(user.id, person.user_id))
  return person
}

const change = (person: SignedIn, fields: object = {}) =>
  person.put('/sys/users/me/password', {
    old_password: PASSWORD,
    new_password: 'Battery-staple-2',
    confirm_password: 'Battery-staple-2',
    ...fields,
  })

describe('the own profile', () => {
  test('says who one is, with the names of the department and of the enabled roles', async () => {
    const dept_id = await makeDept(t.db, { name: 'My department' })
    const person = await t.signInAs({ is_staff: false, dept_id })
    const [enabled, disabled] = [await makeRole(t.db), await makeRole(t.db, [], { status: 0 })]
    for (const role_id of [enabled, disabled, enabled])
      await t.db.insert(userRole).values({ user_id: person.user_id, role_id })
    const { body } = await person.get('/sys/users/me')
    expect(body).toEqual({
      code: 200,
      msg: '请求成功',
      data: {
        id: person.user_id,
        uuid: expect.any(String),
        username: person.username,
        nickname: person.username,
        avatar: null,
        email: null,
        phone: null,
        status: 1,
        is_superuser: false,
        is_staff: false,
        is_multi_login: true,
        join_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        last_login_time: null,
        dept_id,
        dept: 'My department',
        roles: [expect.stringMatching(/^role_/), expect.stringMatching(/^role_/)],
      },
    })
  })

  test('of a superuser has the same shape, and no department or role is null and an empty list', async () => {
    const person = await t.signInSuperuser()
    await t.db.delete(userRole).where(eq(userRole.user_id, person.user_id))
    expect((await person.get('/sys/users/me')).body.data).toMatchObject({ is_superuser: true, dept: null, roles: [] })
  })

  test('is seen whatever the row permissions say, and by nobody who is not signed in', async () => {
    const blind = await t.signInAs({ rules: [] })
    expect((await blind.get('/sys/users/me')).body.data.id).toBe(blind.user_id)
    expect((await blind.put('/sys/users/me/nickname', { nickname: 'Seen' })).status).toBe(200)
    expect((await t.anonymous.get('/sys/users/me')).status).toBe(401)
    for (const field of ['nickname', 'avatar', 'email', 'password'])
      expect((await t.anonymous.put(`/sys/users/me/${field}`, {})).status).toBe(401)
  })

  test('nickname and picture are changed one by one, of nobody else', async () => {
    const [person, other] = [await ordinary(), await ordinary()]
    const untouched = await findUser(t.db, other.user_id)
    expect((await person.put('/sys/users/me/nickname', { nickname: '昵称' })).body).toEqual(DONE)
    expect((await person.put('/sys/users/me/avatar', { avatar: 'http://example.com/a.png' })).body).toEqual(DONE)
    expect((await person.get('/sys/users/me')).body.data).toMatchObject({
      username: person.username,
      nickname: '昵称',
      avatar: 'http://example.com/a.png',
    })
    expect(await findUser(t.db, other.user_id)).toEqual(untouched)
  })

  test('a nickname has 1 to 64 characters, a picture is a web address', async () => {
    const person = await ordinary()
    for (const nickname of ['', ' ', 'x'.repeat(65), 7, null, undefined])
      expect((await person.put('/sys/users/me/nickname', { nickname })).status).toBe(422)
    for (const avatar of ['', 'javascript:alert(1)', 'data:image/png;base64,AAAA', 'a.png', 'ftp://example.com/a.png'])
      expect((await person.put('/sys/users/me/avatar', { avatar })).status).toBe(422)
    expect((await person.put('/sys/users/me/avatar', { avatar: 'javascript:1' })).body.data.errors).toMatchObject([
      { type: 'url_parsing', loc: ['body', 'avatar'] },
    ])
  })
})

describe('the own e-mail address', () => {
  const send = (person: SignedIn, email: string, captcha: string) =>
    t.host.kv.set(emailCodeKey(person.user_id, email), captcha, { ttl_ms: 60_000 })
  const take = (person: SignedIn, email: string, captcha: string) =>
    person.put('/sys/users/me/email', { email, captcha })
  const address = () => `${unique('mail')}@example.com`

  test('is replaced by the one that the code was sent to, once', async () => {
    const person = await ordinary()
    const email = address()
    await send(person, email, '123456')
    expect((await take(person, email, '123456')).body).toEqual(DONE)
    expect((await person.get('/sys/users/me')).body.data.email).toBe(email)
    expect((await take(person, email, '123456')).body).toMatchObject({ code: 400, msg: '验证码错误或已过期' })
  })

  test('the code counts for its address in any case, for no other address and no other user', async () => {
    const [person, other] = [await ordinary(), await ordinary()]
    const email = address()
    await send(person, email, '123456')
    expect((await take(person, address(), '123456')).status).toBe(400)
    expect((await take(other, email, '123456')).status).toBe(400)
    expect((await take(person, email.toUpperCase(), '123456')).status).toBe(200)
  })

  test('the fifth wrong code drops the right one, a new one starts afresh', async () => {
    const person = await ordinary()
    const email = address()
    await send(person, email, '123456')
    for (let n = 0; n < 5; n += 1) expect((await take(person, email, '000000')).status).toBe(400)
    expect((await take(person, email, '123456')).status).toBe(400)
    await send(person, email, '654321')
    for (let n = 0; n < 4; n += 1) expect((await take(person, email, '000000')).status).toBe(400)
    expect((await take(person, email, '654321')).status).toBe(200)
  })

  test('guesses at once are limited to five too', async () => {
    const person = await ordinary()
    const email = address()
    await send(person, email, '7')
    const guesses = Array.from({ length: 40 }, (_, n) => take(person, email, String(n + 100)))
    await Promise.all(guesses)
    expect((await take(person, email, '7')).status).toBe(400)
  })

  test('one that belongs to somebody is 409, a wrong one 422', async () => {
    const person = await ordinary()
    await send(person, 'admin@example.com', '123456')
    expect((await take(person, 'admin@example.com', '123456')).body).toMatchObject({ code: 409, msg: '邮箱已被绑定' })
    expect((await take(person, 'nobody', '123456')).status).toBe(422)
    expect((await person.put('/sys/users/me/email', { email: address() })).status).toBe(422)
  })
})

describe('the own password', () => {
  test('is changed with the old one, and ends the other sessions', async () => {
    const person = await ordinary()
    const elsewhere = await t.signInUser(person.user_id)
    const answer = await change(person)
    expect(answer.body).toEqual(DONE)
    expect(await verifyPassword('Battery-staple-2', (await findUser(t.db, person.user_id))?.password)).toBe(true)
    expect((await person.get('/sys/users/me')).status).toBe(200)
    expect((await elsewhere.get('/sys/users/me')).status).toBe(401)
    const [ended] = await t.db.select().from(session).where(eq(session.session_uuid, elsewhere.session_uuid))
    expect(ended?.ended_reason).toBe('password')
  })

  test('a wrong old one, two that differ, or one against the policy is 400 and changes nothing', async () => {
    const person = await ordinary()
    const before = await findUser(t.db, person.user_id)
    expect((await change(person, { old_password: 'wrong' })).body).toMatchObject({ code: 400, msg: '原密码错误' })
    expect((await change(person, { confirm_password: 'other' })).body.msg).toBe('两次输入的密码不一致')
    expect((await change(person, { new_password: 'x', confirm_password: 'x' })).status).toBe(400)
    expect((await change(person, { new_password: PASSWORD, confirm_password: PASSWORD })).status).toBe(400)
    expect(await findUser(t.db, person.user_id)).toEqual(before)
  })

  test('is not guessed at here: after too many wrong ones the right one is refused too', async () => {
    const [person, other] = [await ordinary(), await ordinary()]
    for (let n = 0; n < 3; n += 1) expect((await change(person, { old_password: 'wrong' })).status).toBe(400)
    const refused = await change(person)
    expect(refused.body).toMatchObject({ code: 429, msg: '请求过于频繁，请稍后再试' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await change(other)).status).toBe(200)
  })

  test('guesses at once do not get around the limit', async () => {
    const person = await ordinary()
    const answers = await Promise.all(Array.from({ length: 20 }, () => change(person, { old_password: 'wrong' })))
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(3)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(17)
  })

  test('a right old one forgives the wrong ones before it', async () => {
    const person = await ordinary()
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 2; n += 1) expect((await change(person, { old_password: 'wrong' })).status).toBe(400)
      expect((await change(person, { new_password: 'x', confirm_password: 'x' })).body.msg).toContain('密码长度')
    }
  })

  test('two changes at once with one old password are one change', async () => {
    const person = await ordinary()
    const answers = await Promise.all(
      ['First-12345', 'Second-12345'].map((plain) => change(person, { new_password: plain, confirm_password: plain })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
  })

  test('an account without a password has no old one to give', async () => {
    const person = await t.signIn()
    expect((await change(person, { old_password: '' })).body.msg).toBe('原密码错误')
  })

  test('what is missing is named without echoing what was given', async () => {
    const person = await ordinary()
    const { status, body, text } = await person.put('/sys/users/me/password', { old_password: 'very-secret-1' })
    expect(status).toBe(422)
    expect(body.data.errors).toMatchObject([
      { type: 'missing', loc: ['body', 'new_password'] },
      { type: 'missing', loc: ['body', 'confirm_password'] },
    ])
    expect(text).not.toContain('very-secret-1')
  })
})
