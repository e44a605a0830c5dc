import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { desc, eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logTombstone } from '#backend/app/admin/model/log-tombstone.model'
import { operaLog } from '#backend/app/admin/model/opera-log.model'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { countReads } from '#backend/tests/queries'

let t: TestApp
let root: SignedIn
beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

/** The record of the request whose answer carried this id, once it is in the table. */
async function recordOf(trace_id: unknown) {
  await t.host.audit?.ship()
  return t.db
    .select()
    .from(operaLog)
    .where(eq(operaLog.trace_id, String(trace_id)))
}
const changesOf = (row: { diff: unknown } | undefined) => (row?.diff ?? []) as { id: number; after: object }[]
const unique = (label: string) => `${label}-${randomBytes(4).toString('hex')}`

describe('what is recorded', () => {
  test('a change: who, what, from where, with what, how it went, and the rows it changed', async () => {
    const name = unique('dept')
    const created = await root.post(
      '/sys/depts',
      { name, status: 1 },
      { headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Chrome/126.0', 'accept-language': 'en-US' } },
    )
    expect(created.status).toBe(200)
    const [record, ...more] = await recordOf(created.headers['x-request-id'])
    expect(more).toEqual([])
    expect(record).toMatchObject({
      username: root.username,
      method: 'POST',
      title: 'Create a department',
      path: '/api/v1/sys/depts',
      ip: '127.0.0.1',
      country: null,
      device: 'PC',
      args: { json: { name, status: 1 } },
      status: 1,
      code: '200',
      msg: 'Success',
      cost_time: expect.any(Number),
      diff: [{ table: 'sys_dept', id: expect.any(Number), before: null, after: expect.objectContaining({ name }) }],
    })
    const id = changesOf(record)[0]?.id ?? 0
    const updated = await root.put(`/sys/depts/${id}`, { name, status: 1, leader: 'Somebody' })
    const [change] = await recordOf(updated.headers['x-request-id'])
    expect(change?.args).toMatchObject({ path_params: { pk: id } })
    expect(change?.diff).toMatchObject([{ table: 'sys_dept', id, before: {}, after: { leader: 'Somebody' } }])
    expect(Object.keys(changesOf(change)[0]?.after ?? {}).sort()).toEqual(['leader', 'updated_time'])
  })

  test('refusals: of nobody, of somebody without the right, of bad input, of a path that is none', async () => {
    const nobody = await t.anonymous.get('/sys/users')
    const without = await t.signIn()
    const forbidden = await without.get('/sys/roles?name=x')
    const bad = await root.post('/sys/roles', { name: 5 })
    const none = await root.get('/no/such/path')
    const malformed = await t.app.inject({ url: '/api/v1/%zz' })
    const records = []
    for (const { headers } of [nobody, forbidden, bad, none, malformed])
      records.push((await recordOf(headers['x-request-id']))[0])
    expect(records).toMatchObject([
      { username: null, status: 0, code: '401', title: expect.stringMatching(/./) },
      { username: without.username, status: 0, code: '403', args: { query_params: { name: 'x' } } },
      { username: root.username, status: 0, code: '422', args: { json: { name: 5 } } },
      { status: 0, code: '404', path: '/api/v1/no/such/path' },
      { status: 0, code: '400', path: '/api/v1/%zz' },
    ])
  })

  test('reads, within a moment', async () => {
    const { headers } = await root.get('/sys/users/me')
    await expect.poll(async () => (await recordOf(headers['x-request-id'])).length, { timeout: 5_000 }).toBe(1)
  })

  test('an id that is longer than the original’s column stays what the client sent', async () => {
    const id = 'a'.repeat(64)
    const { headers } = await root.get('/sys/users/me', { headers: { 'x-request-id': id } })
    expect(headers['x-request-id']).toBe(id)
    await expect.poll(async () => (await recordOf(id)).length, { timeout: 5_000 }).toBe(1)
  })

  test('a change that is undone shows no changed row', async () => {
    const name = unique('role')
    await root.post('/sys/roles', { name, status: 1, is_filter_scopes: true })
    const again = await root.post('/sys/roles', { name, status: 1, is_filter_scopes: true })
    expect(again.status).toBe(409)
    const [record] = await recordOf(again.headers['x-request-id'])
    expect(record).toMatchObject({ status: 0, code: '409', diff: null })
  })

  test('arguments beyond 10 KiB are cut and say so; what PostgreSQL cannot store does no harm', async () => {
    const large = await root.post('/sys/roles', { name: `${'\u0001"部'.repeat(5_000)}`, status: 1 })
    const [cut] = await recordOf(large.headers['x-request-id'])
    expect(cut?.args).toMatchObject({ truncated: true, bytes: expect.any(Number), head: expect.any(String) })
    expect(Buffer.byteLength(JSON.stringify(cut?.args))).toBeLessThanOrEqual(10 * 1024)
    const odd = await root.post('/sys/roles', { name: 'a\0b\ud800', status: 1, 'k\0': '\\u0000' })
    const [record] = await recordOf(odd.headers['x-request-id'])
    expect(record?.args).toEqual({ json: { name: 'a\uFFFDb\uFFFD', status: 1, 'k\uFFFD': '\\u0000' } })
  })
})

describe('GET /logs/opera', () => {
  test('filters by part of a name, status and start of the address; a cleared input filters nothing', async () => {
    const reader = await t.signIn('log:opera:get')
    await reader.get('/sys/roles', { remoteAddress: '203.0.113.77' })
    await reader.get('/logs/opera')
    await t.host.audit?.ship()
    const part = reader.username.slice(2)
    const mine = (await reader.get(`/logs/opera?username=${part}`)).body.data
    expect(mine.items.map(({ code }: { code: string }) => code)).toEqual(['200', '403'])
    expect(mine).toMatchObject({ total: 2, total_is_estimate: false, next_cursor: null })
    const failed = (await reader.get(`/logs/opera?username=${part}&status=0`)).body.data
    expect(failed.items).toMatchObject([{ code: '403', ip: '203.0.113.77' }])
    expect((await reader.get('/logs/opera?ip=203.0.113.')).body.data.total).toBe(1)
    expect((await reader.get('/logs/opera?username=nobody-of-this-name')).body.data.total).toBe(0)
    const all = (await reader.get('/logs/opera?username=&ip=&size=1')).body.data
    const [counted] = await t.db.select().from(operaLog).orderBy(desc(operaLog.id)).limit(1)
    expect(all.total).toBeGreaterThan(2)
    expect(all.items[0]).not.toHaveProperty('diff')
    expect(counted).toBeDefined()
  })

  test('a cursor goes through all rows once, in order, also those of one moment', async () => {
    const moment = { trace_id: 'cursor', method: 'GET', title: 'x', path: '/x', ip: '198.51.100.9', status: 1 }
    const rows = Array.from({ length: 25 }, (_, index) => ({
      ...moment,
      code: String(index),
      cost_time: 1,
      opera_time: index < 20 ? '2020-01-01 00:00:00.123456+00' : '2020-01-01 00:00:00.123457+00',
    }))
    await t.db.insert(operaLog).values(rows)
    const seen: string[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null && page < 9; page += 1) {
      const { body } = await root.get(`/logs/opera?ip=198.51.100.9&size=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...body.data.items.map(({ code }: { code: string }) => code))
      cursor = body.data.next_cursor
    }
    const descending = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, at) => String(from - at))
    expect(seen).toEqual([...descending(24, 20), ...descending(19, 0)])
    expect((await root.get('/logs/opera?cursor=bm9uZQ')).status).toBe(422)
  })

  test('needs its permission', async () => {
    expect((await t.anonymous.get('/logs/opera')).status).toBe(401)
    expect((await (await t.signIn('log:login:get')).get('/logs/opera')).status).toBe(403)
    expect((await root.get('/logs/opera?size=0')).status).toBe(422)
  })
})

describe('GET /logs/opera/{pk}', () => {
  test('shows the changed rows; a secret that changed shows that it has', async () => {
    const target = await t.signIn()
    const { headers } = await root.put(`/sys/users/${target.user_id}/password`, { password: 'Canary-1234' })
    const [stored] = await recordOf(headers['x-request-id'])
    const { status, body } = await root.get(`/logs/opera/${stored?.id}`)
    expect(status).toBe(200)
    expect(body.data.diff).toMatchObject([{ table: 'sys_user', id: target.user_id, after: { password: '[REDACTED]' } }])
    expect(body.data).toMatchObject({ seq: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(JSON.stringify(body)).not.toContain('Canary')
    expect((await root.get('/logs/opera/999999999')).status).toBe(404)
    expect((await (await t.signIn()).get(`/logs/opera/${stored?.id}`)).status).toBe(403)
    expect((await t.anonymous.get(`/logs/opera/${stored?.id}`)).status).toBe(401)
    expect((await root.get('/logs/opera/x')).status).toBe(422)
  })
})

test('of what is deleted the record shows who had it', async () => {
  const holder = await t.signIn('sys:dept:get')
  const { headers, status } = await root.delete('/sys/roles', { pks: [holder.role_id] })
  expect(status).toBe(200)
  const [record] = await recordOf(headers['x-request-id'])
  expect(record?.diff).toContainEqual({
    table: 'sys_user_role',
    id: holder.role_id,
    before: { user_id: [holder.user_id] },
    after: { user_id: [] },
  })
})

test('of a long text the beginning is shown, and what else has changed', async () => {
  const notice = { title: unique('notice'), type: 0, status: 1, content: 'x'.repeat(100_000) }
  const made = await root.post('/sys/notices', notice)
  expect(made.status).toBe(200)
  const [record] = await recordOf(made.headers['x-request-id'])
  const [change] = (record?.diff ?? []) as { after: { title: string; content: string } }[]
  expect(change?.after.title).toBe(notice.title)
  expect(change?.after.content).toMatch(/^x{4096}\[\.\.\. 100000 characters\]$/)
})

describe('GET /logs/opera/export', () => {
  test('gives the filtered rows as CSV that no spreadsheet runs', async () => {
    const name = '=1+1,"x"'
    await root.get('/sys/users/me', {
      remoteAddress: '198.51.100.20',
      headers: { 'user-agent': name },
    })
    await t.host.audit?.ship()
    const { status, headers, text } = await root.get('/logs/opera/export?ip=198.51.100.20')
    expect([status, headers['content-type']]).toEqual([200, 'text/csv; charset=utf-8'])
    expect(headers['content-disposition']).toContain('opera-log.csv')
    const [heading, row, ...rest] = text.trimEnd().split('\r\n')
    expect(heading).toMatch(/^\uFEFFid,trace_id,username/)
    expect(row).toContain('"\'=1+1,""x"""')
    expect(rest).toEqual([])
    expect((await (await t.signIn('log:opera:get')).get('/logs/opera/export')).status).toBe(403)
    expect((await t.anonymous.get('/logs/opera/export')).status).toBe(401)
  })

  test('reads more rows than it holds at once', async () => {
    const row = { trace_id: 'many', method: 'GET', title: 'x', path: '/x', ip: '198.51.100.30', status: 1, code: '200' }
    await t.db
      .insert(operaLog)
      .values(Array.from({ length: 2_500 }, () => ({ ...row, cost_time: 1, opera_time: '2020-02-02 00:00:00+00' })))
    const url = '/logs/opera/export?ip=198.51.100.30'
    const head = await countReads(t, async () => {
      const headers = { authorization: `Bearer ${root.token}` }
      const answer = await t.app.inject({ method: 'HEAD', url: `/api/v1${url}`, headers })
      await sleep(200)
      return answer
    })
    expect(head.answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    const { answer, queries } = await countReads(t, () => root.get(url))
    const { text } = answer
    // Who only wants to know whether it is there makes nobody read it.
    expect(queries - head.queries).toBeGreaterThanOrEqual(3)
    const ids = text.trim().split('\r\n').slice(1)
    expect(new Set(ids.map((line) => line.split(',')[0])).size).toBe(2_500)
  })
})

describe('DELETE /logs/opera', () => {
  test('deletes all or none, and leaves a tombstone', async () => {
    const keeper = await t.signIn('log:opera:del')
    const { headers } = await root.get('/no/such')
    const [record] = await recordOf(headers['x-request-id'])
    const pks = [record?.id ?? 0]
    expect((await keeper.delete('/logs/opera', { pks: [...pks, 999_999_999] })).status).toBe(404)
    expect(await recordOf(headers['x-request-id'])).toHaveLength(1)
    expect((await keeper.delete('/logs/opera', { pks })).status).toBe(200)
    expect(await recordOf(headers['x-request-id'])).toHaveLength(0)
    const [tombstone] = await t.db.select().from(logTombstone).orderBy(desc(logTombstone.id)).limit(1)
    expect(tombstone).toMatchObject({ log: 'opera', action: 'delete', removed_count: 1, username: keeper.username })
    expect((await keeper.delete('/logs/opera', { pks: [] })).status).toBe(422)
    expect((await root.delete('/logs/opera', { pks: [999_999_999] })).status).toBe(404)
    expect((await (await t.signIn('log:opera:get')).delete('/logs/opera', { pks })).status).toBe(403)
    expect((await t.anonymous.delete('/logs/opera', { pks })).status).toBe(401)
  })

  test('to clear the log is itself in the log, and leaves a tombstone', async () => {
    const keeper = await t.signIn('log:opera:clear')
    await t.host.audit?.ship()
    const { status, headers } = await keeper.delete('/logs/opera/all')
    expect(status).toBe(200)
    expect(await recordOf(headers['x-request-id'])).toMatchObject([{ title: 'Clear the operation log' }])
    const [tombstone] = await t.db.select().from(logTombstone).orderBy(desc(logTombstone.id)).limit(1)
    expect(tombstone).toMatchObject({ log: 'opera', action: 'clear', username: keeper.username })
    expect(tombstone?.removed_count).toBeGreaterThan(2_500)
    expect((await (await t.signIn('log:opera:del')).delete('/logs/opera/all')).status).toBe(403)
    expect((await t.anonymous.delete('/logs/opera/all')).status).toBe(401)
  })
})
