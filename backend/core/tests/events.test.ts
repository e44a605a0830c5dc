import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { user } from '#backend/app/admin/model/user.model'
import { PASSWORD, refreshCookie, signInForm } from '#backend/app/admin/tests/sign-in.fixture'
import { makeDept } from '#backend/app/admin/tests/user.fixture'
import { withTx } from '#backend/core/ctx'
import type { EventPayloads } from '#backend/core/events'
import { openProcess, type Process } from '#backend/core/tests/process.fixture'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { until } from '#backend/tests/process/spawned'

interface Heard {
  payload: EventPayloads['session.ended']
  own: boolean
}

let t: TestApp
let root: SignedIn
/** Another process on the same database. */
let other: Process
const undo: (() => void)[] = []

beforeAll(async () => {
  t = await createTestApp({ TOKEN_REFRESH_GRACE_SECONDS: '0' })
  root = await t.signInSuperuser()
  other = await openProcess({ database_url: t.config.DATABASE_URL ?? '' })
})
afterEach(() => {
  for (const off of undo.splice(0)) off()
})
afterAll(async () => {
  await other.close()
  await t.close()
})

function hear(process: Pick<Process, 'host'>): Heard[] {
  const heard: Heard[] = []
  undo.push(process.host.shared.events.on('session.ended', (payload, { own }) => heard.push({ payload, own })))
  return heard
}

const saying = (text: string): EventPayloads['session.ended'] => ({ session_uuids: [text], reason: 'test' })
const say = (text: string) => withTx(other.ctx, (ctx) => ctx.events.emit(ctx, 'session.ended', saying(text)))

describe('an event', () => {
  test('reaches every process once its transaction has committed, not before; its sender knows it as its own', async () => {
    const [here, there] = [hear(t), hear(other)]
    await withTx(other.ctx, async (ctx) => {
      await ctx.events.emit(ctx, 'session.ended', saying('first'))
      await ctx.events.emit(ctx, 'session.ended', saying('second'))
      await sleep(150)
      expect([...here, ...there]).toEqual([])
    })
    await until(async () => here.length === 2 && there.length === 2, 5000)
    expect(here).toEqual([
      { payload: saying('first'), own: false },
      { payload: saying('second'), own: false },
    ])
    expect(there.map(({ own }) => own)).toEqual([true, true])
  })

  test('reaches nobody when its transaction is undone', async () => {
    const [here, there] = [hear(t), hear(other)]
    const undone = withTx(other.ctx, async (ctx) => {
      await ctx.events.emit(ctx, 'session.ended', saying('undone'))
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await say('after it')
    await until(async () => here.length > 0 && there.length > 0, 5000)
    expect([...here, ...there].map(({ payload }) => payload)).toEqual([saying('after it'), saying('after it')])
  })

  test('reaches the other handlers when one throws, and no handler that has been taken back', async () => {
    const { events } = t.host.shared
    const off = events.on('session.ended', () => expect.unreachable())
    off()
    undo.push(
      events.on('session.ended', () => {
        throw new Error('a fault of a handler')
      }),
    )
    const here = hear(t)
    await say('heard')
    await until(async () => here.length === 1, 5000)
  })

  test('that is too large is refused, and nothing of its transaction remains', async () => {
    const here = hear(t)
    await expect(say('x'.repeat(8000))).rejects.toThrow(RangeError)
    await say('after it')
    await until(async () => here.length > 0, 5000)
    expect(here.map(({ payload }) => payload)).toEqual([saying('after it')])
  })
})

test('a process that was cut off is told that it may have missed something, and hears again', async () => {
  const here = hear(t)
  let gaps = 0
  undo.push(t.host.shared.events.onGap(() => (gaps += 1)))
  await t.db.execute(sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like 'listen "fba_events"%'`)
  await until(async () => gaps > 0, 10_000)
  await say('heard again')
  await until(async () => here.some(({ payload }) => payload.session_uuids.includes('heard again')), 5000)
  expect(gaps).toBe(1)
})

describe('the end of a session is told to every process', () => {
  const form = signInForm(() => t)

  /** Runs `end` and waits for the event that names the session. */
  async function expectEnd(session_uuid: string, reason: string, end: () => Promise<{ status: number }>) {
    const there = hear(other)
    expect((await end()).status).toBe(reason === 'reused' ? 401 : 200)
    await until(async () => there.length > 0, 5000)
    expect(there).toEqual([{ payload: { session_uuids: [session_uuid], reason }, own: false }])
  }

  test.each<[string, string, (person: SignedIn) => Promise<{ status: number }>]>([
    [
      'force offline',
      'forced',
      (person) => root.delete(`/monitors/sessions/${person.user_id}?session_uuid=${person.session_uuid}`),
    ],
    ['logout', 'logout', (person) => person.post('/auth/logout')],
    [
      'a password that is reset',
      'password',
      (person) => root.put(`/sys/users/${person.user_id}/password`, { password: 'Reset-123' }),
    ],
    ['a disabled user', 'disabled', (person) => root.put(`/sys/users/${person.user_id}/permissions?type=status`)],
    ['a deleted user', 'deleted', (person) => root.delete(`/sys/users/${person.user_id}`)],
  ])('%s: %s', async (_, reason, end) => {
    const person = await t.signIn()
    await expectEnd(person.session_uuid, reason, () => end(person))
  })

  test('a disabled department: disabled', async () => {
    const dept_id = await makeDept(t.db, { name: 'To be disabled' })
    const person = await t.signInAs({ dept_id })
    await expectEnd(person.session_uuid, 'disabled', () =>
      root.put(`/sys/depts/${dept_id}`, { name: 'To be disabled', status: 0 }),
    )
  })

  test('the own new password, for the other devices: password', async () => {
    const { id, username } = await form.account()
    const device = await form.login(username, PASSWORD)
    const person = await t.signInUser(id)
    const body = { old_password: PASSWORD, new_password: 'Changed-123', confirm_password: 'Changed-123' }
    await expectEnd(device.body.data.session_uuid, 'password', () => person.put('/sys/users/me/password', body))
    expect((await person.get('/auth/codes')).status).toBe(200)
  })

  test('another sign-in where one session is allowed, and the switch to that: other_login', async () => {
    const { id, username } = await form.account({ is_multi_login: false })
    const before = await t.signInUser(id)
    await expectEnd(before.session_uuid, 'other_login', () => form.login(username, PASSWORD))
    for (const off of undo.splice(0)) off()
    await t.db.update(user).set({ is_multi_login: true }).where(eq(user.id, id))
    const older = await t.signInUser(id)
    await t.db.execute(sql`
      update sys_session set last_active_time = now() - interval '1 hour' where session_uuid = ${older.session_uuid}`)
    await expectEnd(older.session_uuid, 'other_login', () => root.put(`/sys/users/${id}/permissions?type=multi_login`))
  })

  test('a refresh token that comes again: reused', async () => {
    const { username } = await form.account()
    const first = await form.login(username, PASSWORD)
    const { value } = refreshCookie(first)
    expect((await form.refresh(value)).status).toBe(200)
    await expectEnd(first.body.data.session_uuid, 'reused', () => form.refresh(value))
  })
})
