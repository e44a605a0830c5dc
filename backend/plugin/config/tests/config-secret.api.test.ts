import { desc, eq, isNotNull } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { systemCtx } from '#backend/core/host'
import { config } from '#backend/plugin/config/model/config.model'
import { overrides } from '#backend/plugin/config/service/config.service'
import { type Answer, createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

const MASK = '********'
const PASSWORD = 'hunter2-of-mail'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

interface Row {
  id: number
  key: string
  value: string
}
const emailRows = async (): Promise<Row[]> => (await root.get('/sys/configs/all?type=EMAIL')).body.data
const shownValue = (rows: Row[], key: string) => rows.find((row) => row.key === key)?.value
const stored = async (key: string) => (await t.db.select().from(config).where(eq(config.key, key)))[0]?.value
const save = async (values: Record<string, unknown>) => {
  const rows = await emailRows()
  return root.put(
    '/sys/configs',
    rows.map((row) => ({ ...row, value: values[row.key] ?? row.value })),
  )
}

test('a password is shown to nobody, not in lists, not alone, not in a refusal; nothing where none is stored', async () => {
  expect(shownValue(await emailRows(), 'EMAIL_PASSWORD')).toBe('')
  expect((await save({ EMAIL_PASSWORD: PASSWORD })).status).toBe(200)
  expect(await stored('EMAIL_PASSWORD')).toBe(PASSWORD)
  const id = (await emailRows()).find(({ key }) => key === 'EMAIL_PASSWORD')?.id
  for (const path of ['?size=200', '/all', '/all?type=EMAIL', `/${id}`]) {
    const { text, status } = await root.get(`/sys/configs${path}`)
    expect(status).toBe(200)
    expect(text).not.toContain(PASSWORD)
    expect(text).toContain(MASK)
  }
  const refused = await save({ EMAIL_PASSWORD: 'another-secret', EMAIL_PORT: 'x' })
  expect(refused.status).toBe(422)
  expect(refused.text).not.toContain('another-secret')
  const misshapen = await root.put(`/sys/configs/${id}`, { key: 'EMAIL_PASSWORD', value: ['another-secret'] })
  expect(misshapen.status).toBe(422)
  expect(misshapen.text).not.toContain('another-secret')
})

test('a form that is saved without typing it in anew keeps it, as shown or blank', async () => {
  await save({ EMAIL_PASSWORD: PASSWORD })
  expect((await save({ EMAIL_HOST: 'smtp.example.org' })).status).toBe(200)
  expect(await stored('EMAIL_PASSWORD')).toBe(PASSWORD)
  expect((await save({ EMAIL_PASSWORD: '' })).status).toBe(200)
  expect(await stored('EMAIL_PASSWORD')).toBe(PASSWORD)
  expect((await save({ EMAIL_PASSWORD: 'the next one' })).status).toBe(200)
  expect(await stored('EMAIL_PASSWORD')).toBe('the next one')
})

test('no other key brings it to light', async () => {
  await save({ EMAIL_PASSWORD: PASSWORD })
  const row = (await emailRows()).find(({ key }) => key === 'EMAIL_PASSWORD')
  for (const value of ['', MASK]) {
    const answer = await root.put(`/sys/configs/${row?.id}`, { ...row, key: 'mail.greeting', value })
    expect(answer.status).toBe(422)
    expect(answer.body.data.errors).toMatchObject([{ loc: ['body', 'value'] }])
  }
  expect(await stored('EMAIL_PASSWORD')).toBe(PASSWORD)
  expect((await root.put(`/sys/configs/${row?.id}`, { ...row, key: 'mail.greeting', value: 'Hello' })).status).toBe(200)
  expect(await stored('mail.greeting')).toBe('Hello')
  const back = { ...row, key: 'EMAIL_PASSWORD', value: PASSWORD }
  expect((await root.put(`/sys/configs/${row?.id}`, back)).status).toBe(200)
})

test('keys that are named like secrets are hidden, those of the product that only sound like it are not', async () => {
  for (const key of ['OSS_SECRET_KEY', 'sms.token', 'PAY_API_KEY', 'db_password'])
    await root.post('/sys/configs', { name: 'x', key, type: 'HIDDEN', value: 'topsecret', is_frontend: false })
  const hidden = await root.get('/sys/configs/all?type=HIDDEN')
  expect(hidden.body.data.map(({ value }: Row) => value)).toEqual(Array(4).fill(MASK))
  const security = await root.get('/sys/configs/all?type=USER_SECURITY')
  expect(security.text).not.toContain(MASK)
  await root.post('/sys/configs', { name: 'x', key: 'new.secret', value: MASK, is_frontend: false })
  expect(await stored('new.secret')).toBe('')
})

test('the switch of e-mail has two names, and both say the same', async () => {
  await save({ EMAIL_PASSWORD: PASSWORD })
  const ctx = systemCtx(t.host)
  const switches = async () => {
    const rows = await emailRows()
    return [shownValue(rows, 'EMAIL_STATUS'), shownValue(rows, 'EMAIL_CONFIG_STATUS')]
  }
  expect(await switches()).toEqual(['0', '0'])
  expect(await overrides(ctx)).toEqual({})
  expect((await save({ EMAIL_STATUS: '1' })).status).toBe(200)
  expect(await switches()).toEqual(['1', '1'])
  await t.host.audit?.ship()
  const [{ diff } = { diff: [] }] = await t.db
    .select({ diff: operaLog.diff })
    .from(operaLog)
    .where(isNotNull(operaLog.diff))
    .orderBy(desc(operaLog.id))
    .limit(1)
  const change = { table: 'sys_config', before: { value: '0' }, after: { value: '1' } }
  expect(diff).toMatchObject([change, change])
  expect(await overrides(ctx)).toEqual({
    EMAIL_PROTOCOL: 'smtp',
    EMAIL_HOST: 'smtp.example.org',
    EMAIL_PORT: '465',
    EMAIL_PASSWORD: PASSWORD,
    EMAIL_SSL: 'true',
  })
  expect((await save({ EMAIL_CONFIG_STATUS: '0' })).status).toBe(200)
  expect(await switches()).toEqual(['0', '0'])
  // Of an old database, which knows one name only.
  await t.db.delete(config).where(eq(config.key, 'EMAIL_STATUS'))
  expect((await save({ EMAIL_CONFIG_STATUS: '1', EMAIL_USERNAME: '' })).status).toBe(200)
  expect(await overrides(ctx)).toEqual(expect.not.objectContaining({ EMAIL_USERNAME: expect.anything() }))
  expect(Object.keys(await overrides(ctx))).toContain('EMAIL_HOST')
})

async function diffOf(answer: Answer): Promise<{ table: string; before: unknown; after: unknown }[]> {
  await t.host.audit?.ship()
  const trace_id = String(answer.headers['x-request-id'])
  const [row] = await t.host.database.sql`select diff from sys_opera_log where trace_id = ${trace_id}`
  return row?.diff
}

test('the operation log shows that it has changed, and not what it is', async () => {
  await save({ EMAIL_PASSWORD: PASSWORD })
  expect(await diffOf(await save({ EMAIL_PASSWORD: 'quite another' }))).toMatchObject([
    { table: 'sys_config', before: { value: '[REDACTED]' }, after: { value: '[REDACTED]' } },
  ])
  const own = { name: 'Of a store', type: 'OSS', key: 'OSS_ACCESS_KEY', value: PASSWORD, is_frontend: false }
  const made = await root.post('/sys/configs', own)
  expect(made.status).toBe(200)
  expect(await diffOf(made)).toMatchObject([{ before: null, after: { key: own.key, value: '[REDACTED]' } }])
})

test('how long a password must be is no secret, and who changes it is shown with what it was', async () => {
  const policy = { type: 'USER_SECURITY', key: 'USER_PASSWORD_MIN_LENGTH', name: 'Length', is_frontend: false }
  const [row] = await t.db.select().from(config).where(eq(config.key, policy.key))
  const answer =
    row === undefined
      ? await root.post('/sys/configs', { ...policy, value: '7' })
      : await root.put(`/sys/configs/${row.id}`, { ...policy, value: row.value === '7' ? '8' : '7' })
  expect(answer.status, answer.text).toBe(200)
  const [change] = await diffOf(answer)
  expect(change?.after).toMatchObject({ value: expect.stringMatching(/^[78]$/) })
})
