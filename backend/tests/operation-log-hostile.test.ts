import { randomBytes, randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSpool } from '#backend/core/audit/spool'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

const RUNS = 10_000

let t: TestApp
let root: SignedIn
beforeAll(async () => {
  t = await createTestApp({ LOG_LEVEL: 'silent', BODY_LIMIT_BYTES: '65536' })
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const pick = <T>(...choices: readonly T[]): T => choices[randomInt(choices.length)] as T
const text = () =>
  pick(
    '\0',
    '\ud800',
    '\udc00\ud800',
    `${'部'.repeat(700)}`,
    "'; drop table sys_opera_log; --",
    '\u2028\u202e',
    '\\u0000',
    '\\ud800',
    '"',
    '\n{"seq":1}\n',
    randomBytes(40).toString('latin1'),
    'x'.repeat(40_000),
    '%00%ff',
    '${now}',
    'a\u0300'.repeat(300),
  )
function nested(depth: number): unknown {
  let value: unknown = text()
  for (let level = 0; level < depth; level += 1) value = randomInt(2) === 0 ? { a: value } : [value]
  return value
}
const header = () =>
  text()
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')
    .slice(0, 8_000)

function hostileRequest() {
  const headers: Record<string, string> = {}
  for (const name of ['user-agent', 'x-forwarded-for', 'x-real-ip', 'accept-language', 'referer', 'origin', 'cookie'])
    if (randomInt(2) === 0) headers[name] = header()
  if (randomInt(3) === 0) headers['x-request-id'] = pick(header(), 'a'.repeat(65), '', '../../x', "' or 1=1")
  if (randomInt(2) === 0) headers.authorization = pick(`Bearer ${root.token}`, 'Bearer x', header())
  const method = pick('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD')
  const path = pick(
    '/sys/users',
    '/sys/depts',
    '/auth/login',
    '/sys/roles',
    '/none',
    '/%zz',
    '/sys/users/%00',
    '/%E0%A4',
  )
  const query = pick(
    '',
    `?username=${encodeURIComponent(text().toWellFormed().slice(0, 500))}`,
    '?a=%00&a=1',
    '?__proto__=1',
  )
  const type = pick(
    'application/json',
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    '',
  )
  const payload = pick<string | Buffer>(
    JSON.stringify({ username: text(), name: nested(30), [text()]: text() }),
    JSON.stringify(nested(randomInt(1, 200))),
    '{"__proto__":{"x":1}}',
    '{"a":',
    '[]',
    'null',
    randomBytes(200),
    `a=${encodeURIComponent(text().toWellFormed().slice(0, 500))}&a=%zz`,
    Buffer.alloc(70_000, 'x'),
  )
  if (type !== '') headers['content-type'] = type
  return {
    method,
    url: `/api/v1${path}${query}`,
    headers,
    ...(method === 'GET' || method === 'HEAD' ? {} : { payload }),
  }
}

describe('a hostile client', () => {
  test(`loses no record by ${RUNS} hostile headers and bodies`, { timeout: 60_000 + RUNS * 20 }, async () => {
    const ids: string[] = []
    const statuses = new Map<number, number>()
    for (let run = 0; run < RUNS; run += 1) {
      const answer = await t.app.inject({ ...hostileRequest(), remoteAddress: `10.1.${run % 250}.${randomInt(250)}` })
      ids.push(String(answer.headers['x-request-id']))
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1)
    }
    await t.host.audit?.ship()
    const rows = await t.db.execute<{ trace_id: string; records: number; msg: string }>(
      sql`select trace_id, count(*)::int as records, min(msg) as msg from sys_opera_log group by trace_id`,
    )
    const records = new Map(rows.map((row) => [row.trace_id, row.records]))
    expect(new Set(ids).size).toBe(RUNS)
    expect(ids.filter((id) => records.get(id) !== 1)).toEqual([])
    // None of them was refused by the database and kept in part.
    expect(rows.filter(({ msg }) => /^\(\w{5}\)/.test(msg))).toEqual([])
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([])
  })
})

describe('secrets', () => {
  const NAMES = `password old_password new_password confirm_password newPassword PASSWORD passwd user_pwd secret
    client_secret token access_token refreshToken api_key apiKey api-key private_key credential authorization cookie
    id_token DB_PASSWORD signing_secret PrivateKey smtp_passwd x-api-key csrf_token`.split(/\s+/)
  const SHAPES: readonly ((name: string, canary: string) => object)[] = [
    (name, canary) => ({ [name]: canary }),
    (name, canary) => ({ a: { b: { [name]: canary } } }),
    (name, canary) => ({ rows: [{ [name]: canary }, { x: 1 }] }),
    (name, canary) => ({ [name]: [canary, { deep: canary }] }),
    (name, canary) => ({ [name]: { value: canary } }),
    (name, canary) => ({ key: name.toUpperCase(), value: canary }),
    (name, canary) => ({ settings: [{ name, value: canary, is_frontend: false }] }),
  ]

  test('of 200 shapes and more are in no table, spool or log line', { timeout: 120_000 }, async () => {
    const canaries: string[] = []
    const canary = () => {
      const made = `Canary${randomBytes(8).toString('hex')}`
      canaries.push(made)
      return made
    }
    const lines: string[] = []
    const traced = await createTestApp({ LOG_LEVEL: 'trace' }, { lines: { write: (line: string) => lines.push(line) } })
    // What is shipped leaves the spool: a second one keeps what was in it.
    const spool = openSpool({ root: join(traced.config.DATA_DIR, 'copy'), key: '' })
    const { audit } = traced.host
    if (audit === undefined) throw new Error('no operation log')
    const { append, note } = { ...audit }
    audit.append = async (record) => {
      await spool.append(record)
      return append(record)
    }
    audit.note = (record) => {
      void spool.append(record)
      note(record)
    }
    try {
      const admin = await traced.signInSuperuser()
      const target = await traced.signIn()
      for (const name of NAMES)
        for (const shape of SHAPES) {
          const path = pick('/sys/roles', '/no/such/path', '/sys/depts', '/auth/login')
          await admin.post(path, shape(name, canary()), { remoteAddress: `203.0.113.${randomInt(250)}` })
        }
      for (const name of NAMES) {
        const form = new URLSearchParams({ [name]: canary(), x: '1' }).toString()
        await traced.app.inject({ method: 'POST', url: '/api/v1/sys/roles', payload: form, headers: FORM })
        await admin.get(`/no/such/path?${form}`)
        await admin.get(`/sys/users?${new URLSearchParams({ [name]: canary() })}`)
      }
      const boundary = 'content-disposition: form-data; name="password"'
      await traced.app.inject({
        method: 'POST',
        url: '/api/v1/sys/roles',
        payload: `--x\r\n${boundary}\r\n\r\n${canary()}\r\n--x--`,
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
      })
      await traced.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: `{"password":"${canary()}`,
        headers: JSON_TYPE,
      })
      await traced.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: canary(),
        headers: { 'content-type': 'text/plain' },
      })
      await traced.anonymous.post('/auth/login', { username: 'admin', password: canary() })
      await traced.anonymous.post('/auth/login', { username: 'admin', password: canary().repeat(30) })
      await traced.anonymous.get('/sys/users', {
        headers: { authorization: `Bearer ${canary()}`, cookie: `fba_refresh_token=${canary()}` },
      })
      await admin.put(`/sys/users/${target.user_id}/password`, { password: canary().slice(0, 20) })
      await admin.put('/sys/users/me/password', {
        old_password: canary(),
        new_password: canary(),
        confirm_password: canary(),
      })
      await admin.post('/sys/users', {
        username: `u${randomBytes(4).toString('hex')}`,
        password: canary().slice(0, 30),
        roles: [],
      })
      await audit.ship()
      await spool.close()

      expect(canaries.length).toBeGreaterThanOrEqual(200)
      const places = {
        tables: await dump(traced),
        spool: readdirSync(spool.folder)
          .map((file) => readFileSync(join(spool.folder, file), 'utf8'))
          .join(''),
        log: lines.join(''),
      }
      for (const [place, content] of Object.entries(places)) {
        expect(content.length, place).toBeGreaterThan(1_000)
        const found = canaries.map((one) => one.slice(0, 20)).filter((one) => content.includes(one))
        expect(
          found.map((one) => content.slice(Math.max(content.indexOf(one) - 200, 0), content.indexOf(one) + 40)),
          place,
        ).toEqual([])
      }
      expect(places.spool.match(/\[REDACTED\]/g)?.length).toBeGreaterThanOrEqual(150)
    } finally {
      await traced.close()
    }
  })

  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
  const JSON_TYPE = { 'content-type': 'application/json' }
})

/** Every row of every table as text. */
async function dump({ db }: TestApp): Promise<string> {
  const tables = await db.execute<{ name: string }>(
    sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  )
  const rows = await Promise.all(
    tables.map(({ name }) => db.execute<{ row: string }>(sql`select t::text as row from ${sql.identifier(name)} t`)),
  )
  return rows.flatMap((table) => table.map(({ row }) => row)).join('\n')
}
