import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { REDACTED, redact } from '#backend/common/redact'
import { name, nullable, secret, text } from '#backend/common/schema'

const code = () => secret(z.string())

describe('a secret of the schema', () => {
  test('is hidden at any depth, whatever the value is', () => {
    const schema = z.object({ a: z.object({ b: z.object({ code: code(), note: z.string() }) }), code: code() })
    expect(redact(schema, { a: { b: { code: 'x', note: 'n' } }, code: { not: ['a', 'string'] } })).toEqual({
      a: { b: { code: REDACTED, note: 'n' } },
      code: REDACTED,
    })
    expect(redact(schema, { code: null })).toEqual({ code: REDACTED })
  })

  test('is hidden in arrays, tuples and records', () => {
    const schema = z.object({
      list: z.array(z.object({ code: code() })),
      codes: z.array(code()),
      hidden: secret(z.array(z.string())),
      pair: z.tuple([z.string(), code()]).rest(code()),
      by_name: z.record(z.string(), code()),
    })
    const value = {
      list: [{ code: 'x' }, { code: 'y' }],
      codes: ['x'],
      hidden: ['x'],
      pair: ['a', 'x', 'y'],
      by_name: { one: 'x' },
    }
    expect(redact(schema, value)).toEqual({
      list: [{ code: REDACTED }, { code: REDACTED }],
      codes: [REDACTED],
      hidden: REDACTED,
      pair: ['a', REDACTED, REDACTED],
      by_name: { one: REDACTED },
    })
  })

  test('stays one in whatever it is wrapped or refined by', () => {
    for (const wrapped of [
      code().optional(),
      code().nullable(),
      code().nullish().default('d'),
      code().prefault('d'),
      code().catch('c'),
      code().readonly(),
      code().describe('A code'),
      code().max(5),
      code()
        .refine(() => true)
        .describe('A code'),
      code().transform((value) => value.length),
      code().pipe(z.string()),
      z.preprocess((value) => value, code()),
      nullable(code()),
      nullable(code()).describe('A code'),
      secret(name(10)),
      z.lazy(() => code()),
      z.union([z.int(), code()]),
      z.intersection(z.string(), code()),
    ])
      expect(redact(z.object({ field: wrapped }), { field: 'x' })).toEqual({ field: REDACTED })
  })

  test('is hidden in any option of a union and either side of an intersection', () => {
    const schema = z.union([
      z.object({ kind: z.literal('a'), value: z.string() }),
      z.object({ kind: z.literal('b'), value: code() }),
    ])
    expect(redact(schema, { kind: 'b', value: 'x' })).toEqual({ kind: 'b', value: REDACTED })
    const both = z.intersection(z.object({ note: z.string() }), z.object({ code: code() }))
    expect(redact(both, { note: 'n', code: 'x' })).toEqual({ note: 'n', code: REDACTED })
    const discriminated = z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), value: code() })])
    expect(redact(discriminated, { kind: 'a', value: 'x' })).toEqual({ kind: 'a', value: REDACTED })
  })

  test('is hidden in a schema that holds itself', () => {
    const Node = z.object({
      code: code(),
      get children() {
        return z.array(Node)
      },
    })
    expect(redact(Node, { code: 'x', children: [{ code: 'y', children: [] }] })).toEqual({
      code: REDACTED,
      children: [{ code: REDACTED, children: [] }],
    })
  })

  test('marks one schema and none that it was made from', () => {
    const plain = text(9)
    const marked = secret(plain)
    expect(redact(z.object({ plain, marked }), { plain: 'a', marked: 'b' })).toEqual({ plain: 'a', marked: REDACTED })
  })

  test('of a whole body hides it', () => {
    expect(redact(code(), 'x')).toBe(REDACTED)
  })
})

describe('a name like a secret', () => {
  test('hides what no schema declares, at any depth', () => {
    const names = ['password', 'newPasswd', 'client_secret', 'access_token', 'Authorization', 'Set-Cookie', 'apiKey']
    const others = [
      'pass',
      'dbPass',
      'pass_word',
      'passphrase',
      'Passcode',
      'jwt',
      'bearer',
      'otp',
      'pin',
      'accessKeyId',
    ]
    for (const key of [...names, ...others, 'api-key', 'PRIVATE_KEY', 'credentials']) {
      expect(redact(undefined, { [key]: 'x' })).toEqual({ [key]: REDACTED })
      expect(redact(z.object({ a: z.int() }), { b: [{ [key]: { deep: 'x' } }] })).toEqual({ b: [{ [key]: REDACTED }] })
      expect(redact(z.record(z.string(), z.string()), { [key]: 'x' })).toEqual({ [key]: REDACTED })
    }
  })

  test('does not hide a field that a schema declares to be none', () => {
    const schema = z.object({ token_ttl_seconds: z.int() })
    expect(redact(schema, { token_ttl_seconds: 5, other_token: 'x' })).toEqual({
      token_ttl_seconds: 5,
      other_token: REDACTED,
    })
  })
})

describe('everything else', () => {
  test('is copied as it is', () => {
    const value = { a: 1, b: [null, true, 'x', { c: [] }], username: 'lin', passenger: 1, pinned: true, keyword: '' }
    const shown = redact(undefined, value)
    expect(shown).toEqual(value)
    expect(shown).not.toBe(value)
    for (const plain of [undefined, null, 0, '', false]) expect(redact(z.string(), plain)).toBe(plain)
  })

  test('that does not fit the schema is shown, without its secrets', () => {
    const schema = z.object({ list: z.array(z.object({ code: code() })), deep: z.object({ code: code() }) })
    expect(redact(schema, { list: 'none', deep: ['x'] })).toEqual({ list: 'none', deep: ['x'] })
    // One for a list, and a list for one.
    expect(redact(schema, { list: { code: 'x' }, deep: [{ code: 'x' }] })).toEqual({
      list: { code: REDACTED },
      deep: [{ code: REDACTED }],
    })
    expect(redact(schema, [{ deep: { code: 'x' } }])).toEqual([{ deep: { code: REDACTED } }])
    expect(redact(z.array(schema), { deep: { code: 'x' } })).toEqual({ deep: { code: REDACTED } })
  })

  test('is cut where it has more values than can be kept', () => {
    expect((redact(undefined, Array(400_000).fill([])) as unknown[]).length).toBe(20_000)
    const nested = Array.from({ length: 1_000 }, () => Array(1_000).fill('x'))
    expect(JSON.stringify(redact(undefined, nested)).length).toBeLessThan(100_000)
  })

  test('shows a number that JSON has not', () => {
    expect(redact(undefined, { id: 2n ** 60n })).toEqual({ id: String(2n ** 60n) })
  })

  test('is cut where it is nested too deep', () => {
    let value: unknown = { password: 'x' }
    for (let depth = 0; depth < 10_000; depth += 1) value = [value]
    expect(JSON.stringify(redact(undefined, value))).toBe(`${'['.repeat(13)}"[...]"${']'.repeat(13)}`)
  })

  test('keeps a key that is special to JavaScript an ordinary one', () => {
    const value: unknown = JSON.parse('{"__proto__":{"password":"x"},"constructor":{"a":1}}')
    expect(JSON.stringify(redact(z.object({}), value))).toBe(
      '{"__proto__":{"password":"[REDACTED]"},"constructor":{"a":1}}',
    )
  })
})

const KEYS = [
  'api_keys',
  'private_key_pem',
  'access_key_id',
  'API_KEY_PROD',
  'GOOGLE_SECRET_ACCOUNT',
  'require_password',
]

test('what is said about secrets is none, and forms write names otherwise', () => {
  const shown = {
    USER_PASSWORD_MIN_LENGTH: '6',
    USER_PASSWORD_REQUIRE_SPECIAL_CHAR: '1',
    last_password_changed_time: 1,
  }
  expect(redact(undefined, shown)).toEqual(shown)
  expect(redact(undefined, { key: 'USER_PASSWORD_EXPIRY_DAYS', value: '30' })).toMatchObject({ value: '30' })
  for (const name of [
    'user[pass]',
    'pass[]',
    'totp',
    'otp_code',
    'passkey',
    'master_key',
    'OPENAI_KEY',
    'signature',
    ...KEYS,
  ])
    expect(redact(undefined, { [name]: 'canary' })).toEqual({ [name]: REDACTED })
})

describe('a URL in a text', () => {
  test.each([
    ['https://me:canary@host/path', `https://${REDACTED}@host/path`],
    ['https://me:cana@ry@host/path', `https://${REDACTED}@host/path`],
    ['see ssh+git://canary@host', `see ssh+git://${REDACTED}@host`],
    ['https://host/x.png?size=2&token=canary#top', `https://host/x.png?size=2&token=${REDACTED}#top`],
    ['/relative?access_token=canary', `/relative?access_token=${REDACTED}`],
    ['/login?next=https://x?token=canary', `/login?next=https://x?token=${REDACTED}`],
    ['/x?a=1;token=canary', `/x?a=1;token=${REDACTED}`],
    ['Server=a;User=sa;Password=canary', `Server=a;User=sa;Password=${REDACTED}`],
    ['https://host/#id_token=canary&state=1', `https://host/#id_token=${REDACTED}&state=1`],
  ])('shows nothing secret: %s', (text, expected) => {
    expect(redact(undefined, { link: text })).toEqual({ link: expected })
  })

  test.each([
    'someone@example.com',
    '<a href="https://x">me@y</a>',
    'x?sort_key=1',
    'https://host/a?b=c&page=2',
    'a = b',
    '1 @ 2',
    'https://host/@name',
  ])('or anything else stays as it is: %s', (text) => {
    expect(redact(undefined, [text])).toEqual([text])
  })

  test('is looked for in time that grows with the text, not with its square', () => {
    const time = (text: string) => {
      let shortest = Number.POSITIVE_INFINITY
      for (let nr = 0; nr < 5; nr += 1) {
        const began = performance.now()
        redact(undefined, text)
        shortest = Math.min(shortest, performance.now() - began)
      }
      return shortest
    }
    for (const piece of ['a.', 'a://', '?a=', '@=?&', 'a://@', '://a:b']) {
      const [short, long] = [time(`=@${piece.repeat(10_000)}`), time(`=@${piece.repeat(160_000)}`)]
      expect(long / short, piece).toBeLessThan(80)
    }
  })
})
