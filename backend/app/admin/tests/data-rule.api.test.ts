import { eq, inArray } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { createTestApp, giveScope, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
})
afterAll(() => t.close())

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
const RULE = { model: 'Dept', column: 'id', operator: 0, expression: 0, value: '${dept_id}' }

/** Creates through the API and gives the id, which the answer does not hold. */
async function make(name: string, fields: object = {}): Promise<number> {
  const answer = await root.post('/sys/data-rules', { ...RULE, name, ...fields })
  expect(answer).toMatchObject({ status: 200, body: { data: null } })
  const [row] = await t.db.select().from(dataRule).where(eq(dataRule.name, name))
  return row?.id ?? 0
}

describe('reading data rules', () => {
  test('a page has the newest first and counts what the filter left', async () => {
    const older = await make('Paged older')
    const newer = await make('Paged newer', { operator: 1, expression: 6, value: '1,2' })
    const { body, status } = await root.get('/sys/data-rules?name=paged&size=1')
    expect(status).toBe(200)
    expect(body.data).toEqual({
      items: [
        {
          id: newer,
          name: 'Paged newer',
          model: 'Dept',
          column: 'id',
          operator: 1,
          expression: 6,
          value: '1,2',
          created_time: TIME,
          updated_time: null,
        },
      ],
      total: 2,
      page: 1,
      size: 1,
      total_pages: 2,
      links: {
        first: '/api/v1/sys/data-rules?name=paged&page=1&size=1',
        last: '/api/v1/sys/data-rules?name=paged&page=2&size=1',
        self: '/api/v1/sys/data-rules?name=paged&size=1',
        next: '/api/v1/sys/data-rules?name=paged&page=2&size=1',
        prev: null,
      },
    })
    expect((await root.get('/sys/data-rules?name=paged&size=1&page=2')).body.data.items).toMatchObject([{ id: older }])
    expect((await root.get('/sys/data-rules?name=')).body.data.total).toBeGreaterThanOrEqual(2)
  })

  test('one rule and all rules come whole', async () => {
    const id = await make('Whole')
    const whole = { ...RULE, id, name: 'Whole', created_time: TIME, updated_time: null }
    expect((await root.get(`/sys/data-rules/${id}`)).body.data).toEqual(whole)
    expect((await root.get('/sys/data-rules/all')).body.data).toContainEqual(whole)
  })

  test('one that is missing is 404, a value that does not fit 422', async () => {
    expect((await root.get('/sys/data-rules/999999')).body).toMatchObject({ code: 404, data: null })
    for (const path of ['/x', '/0', '?page=0', '?size=201', `?name=${'x'.repeat(513)}`])
      expect((await root.get(`/sys/data-rules${path}`)).status).toBe(422)
  })

  test('reading needs the page’s code; choosing rules for a scope only opens the list', async () => {
    const id = await make('Read')
    const rulePage = await t.signIn('data:rule:get')
    const scopePage = await t.signIn('data:scope:get')
    const nothing = await t.signIn('sys:user:get')
    const paths = ['', '/all', `/${id}`, '/models', '/models/User/columns', '/value-template-variables']
    for (const path of paths) {
      expect((await rulePage.get(`/sys/data-rules${path}`)).status).toBe(200)
      expect((await scopePage.get(`/sys/data-rules${path}`)).status).toBe(path === '/all' ? 200 : 403)
      expect((await nothing.get(`/sys/data-rules${path}`)).status).toBe(403)
      expect((await t.anonymous.get(`/sys/data-rules${path}`)).status).toBe(401)
    }
  })
})

describe('what the form of a rule offers', () => {
  test('every scoped model, and all of them together first', async () => {
    const { data } = (await root.get('/sys/data-rules/models')).body
    expect(data).toEqual(['__ALL__', ...t.host.parts().scoped_models.keys()])
    expect(data).toEqual(expect.arrayContaining(['Dept', 'User']))
  })

  test('the columns that a model declares, after the variables that it has a column for', async () => {
    const keysOf = async (model: string) => {
      const { data } = (await root.get(`/sys/data-rules/models/${model}/columns`)).body
      for (const choice of data)
        expect(choice).toEqual({ key: expect.any(String), comment: expect.stringMatching(/./) })
      return data.map(({ key }: { key: string }) => key)
    }
    expect(await keysOf('__ALL__')).toEqual(['__dept_id__', '__created_by__'])
    expect((await keysOf('Dept')).slice(0, 3)).toEqual(['__dept_id__', 'id', 'name'])
    expect((await keysOf('User')).slice(0, 3)).toEqual(['__dept_id__', '__created_by__', 'id'])
    expect(await keysOf('User')).not.toContain('password')
    for (const model of ['Nothing', 'constructor', '__proto__'])
      expect((await root.get(`/sys/data-rules/models/${model}/columns`)).status).toBe(404)
  })

  test('the variables of a value', async () => {
    const { data } = (await root.get('/sys/data-rules/value-template-variables')).body
    expect(data.map(({ key }: { key: string }) => key)).toEqual(['${user_id}', '${dept_id}', '${dept_tree}', '${now}'])
    for (const choice of data) expect(choice).toEqual({ key: expect.any(String), comment: expect.stringMatching(/./) })
  })

  test('can be saved: every column of every model', async () => {
    const literals: Record<string, string> = { int: '1', bool: 'true', time: '2024-02-29', string: 'x' }
    for (const model of t.host.parts().scoped_models.values())
      for (const [column, { type }] of Object.entries(model.columns))
        await make(`Each ${model.name} ${column}`, { model: model.name, column, value: literals[type] })
    for (const column of ['__dept_id__', '__created_by__'])
      await make(`Each ${column}`, { model: '__ALL__', column, expression: 6, value: '${dept_tree}' })
  })
})

describe('changing data rules', () => {
  test('an update replaces every field', async () => {
    const id = await make('Before')
    const after = { name: 'After', model: 'User', column: 'username', operator: 1, expression: 7, value: 'a,b' }
    expect((await root.put(`/sys/data-rules/${id}`, after)).body).toMatchObject({ code: 200, data: null })
    expect((await root.get(`/sys/data-rules/${id}`)).body.data).toEqual({
      ...after,
      id,
      created_time: TIME,
      updated_time: TIME,
    })
    expect((await root.put('/sys/data-rules/999999', { ...RULE, name: 'Nothing' })).status).toBe(404)
  })

  test('every field is needed and bounded', async () => {
    const { errors } = (await root.post('/sys/data-rules', {})).body.data
    const fields = ['name', 'model', 'column', 'operator', 'expression', 'value']
    expect(errors).toMatchObject(fields.map((field) => ({ type: 'missing', loc: ['body', field] })))
    for (const bad of [
      { name: '' },
      { name: 'x'.repeat(513) },
      { name: 'a\0' },
      { operator: 2 },
      { expression: 8 },
      { expression: -1 },
      { value: '1'.repeat(257) },
      { value: null },
    ])
      expect((await root.post('/sys/data-rules', { ...RULE, name: 'Bad', ...bad })).status).toBe(422)
  })

  test.each([
    ['an unknown model', { model: 'Nothing' }, 'model', 'Nothing', '数据模型不存在'],
    ['a model that is a property of every object', { model: 'constructor' }, 'model', 'constructor', '数据模型不存在'],
    ['an unknown column', { column: 'password' }, 'column', 'password', '该模型没有可用于规则的列 password'],
    ['a variable that the model lacks', { column: '__created_by__' }, 'column', '__created_by__', '__created_by__'],
    ['a column for every model', { model: '__ALL__', column: 'id' }, 'column', 'id', '该模型没有可用于规则的列 id'],
    ['a word for a number', { value: 'one' }, 'value', 'one', '值与列类型 int 不符'],
    ['a list for one value', { value: '1,2' }, 'value', '1,2', '值与列类型 int 不符'],
    ['an empty list', { expression: 6, value: ' , ' }, 'value', ' , ', '列表值不能为空'],
    ['many departments for one', { value: '${dept_tree}' }, 'value', '${dept_tree}', '值与列类型 int 不符'],
    ['a day that is none', { column: 'created_time', value: '2024-02-30' }, 'value', '2024-02-30', 'time'],
    [
      'an order of yes and no',
      { model: 'User', column: 'is_staff', expression: 2, value: 'true' },
      'expression',
      2,
      '列',
    ],
    ['a number for every model', { model: '__ALL__', column: '__dept_id__', value: 'x' }, 'value', 'x', 'int'],
  ])('%s is refused, and what is wrong is named', async (_, bad, field, input, msg) => {
    const id = await make(`Refused ${_}`)
    for (const answer of [
      await root.post('/sys/data-rules', { ...RULE, name: 'Bad', ...bad }),
      await root.put(`/sys/data-rules/${id}`, { ...RULE, name: 'Bad', ...bad }),
    ]) {
      expect(answer.status).toBe(422)
      expect(answer.body).toMatchObject({ code: 422, trace_id: expect.any(String) })
      expect(answer.body.data.errors).toEqual([
        { type: 'value_error', loc: ['body', field], msg: expect.stringContaining(msg), input },
      ])
    }
    expect((await root.get(`/sys/data-rules/${id}`)).body.data).toMatchObject(RULE)
  })

  test('a refusal speaks the caller’s language', async () => {
    const headers = { 'accept-language': 'en-US' }
    const { body } = await root.post('/sys/data-rules', { ...RULE, name: 'Bad', model: 'Nothing' }, { headers })
    expect(body.data.errors[0].msg).not.toMatch(/\p{Script=Han}/u)
  })

  test('a name is taken once, whoever asks at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => root.post('/sys/data-rules', { ...RULE, name: 'Raced' })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
    const other = await make('Not raced')
    expect((await root.put(`/sys/data-rules/${other}`, { ...RULE, name: 'Raced' })).status).toBe(409)
    expect((await root.put(`/sys/data-rules/${other}`, { ...RULE, name: 'Not raced' })).status).toBe(200)
  })

  test('a deletion takes the rules from their scopes', async () => {
    const ids = [await make('Gone a'), await make('Gone b')]
    const kept = await make('Kept beside them')
    const scope = await giveScope(t.db, root.role_id, [])
    await root.put(`/sys/data-scopes/${scope}/rules`, { rules: [...ids, kept] })
    expect((await root.delete('/sys/data-rules', { pks: [...ids, ids[0]] })).body).toMatchObject({ data: null })
    expect(await t.db.select().from(dataRule).where(inArray(dataRule.id, ids))).toEqual([])
    expect(await t.db.select().from(dataScopeRule).where(eq(dataScopeRule.data_scope_id, scope))).toMatchObject([
      { data_rule_id: kept },
    ])
  })

  test('a deletion with a missing id deletes nothing', async () => {
    const id = await make('Kept')
    const scope = await giveScope(t.db, root.role_id, [])
    await root.put(`/sys/data-scopes/${scope}/rules`, { rules: [id] })
    expect((await root.delete('/sys/data-rules', { pks: [id, 999_999] })).status).toBe(404)
    expect((await root.get(`/sys/data-rules/${id}`)).status).toBe(200)
    expect((await root.get(`/sys/data-scopes/${scope}/rules`)).body.data.rules).toMatchObject([{ id }])
    for (const body of [{}, { pks: [] }, { pks: ['x'] }])
      expect((await root.delete('/sys/data-rules', body)).status).toBe(422)
  })

  test('deletions that overlap neither wait for each other forever nor delete in part', async () => {
    const [a, b, c] = [await make('Overlap a'), await make('Overlap b'), await make('Overlap c')]
    const answers = await Promise.all([
      root.delete('/sys/data-rules', { pks: [a, b] }),
      root.delete('/sys/data-rules', { pks: [b, a] }),
      root.delete('/sys/data-rules', { pks: [b, c] }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404])
    const left = await t.db
      .select()
      .from(dataRule)
      .where(inArray(dataRule.id, [a, b, c]))
    expect(left).toHaveLength(1)
  })

  test('each change needs its own code, and staff', async () => {
    const id = await make('Guarded')
    const changes = [
      ['data:rule:add', 'post', '', { ...RULE, name: 'By its code' }],
      ['data:rule:edit', 'put', `/${id}`, { ...RULE, name: 'Guarded' }],
      ['data:rule:del', 'delete', '', { pks: [id] }],
    ] as const
    const codes = changes.map(([code]) => code)
    for (const [code, method, path, body] of changes) {
      const others = await t.signIn('data:rule:get', ...codes.filter((other) => other !== code))
      const notStaff = await t.signInAs({ permissions: [code], is_staff: false })
      expect((await others[method](`/sys/data-rules${path}`, body)).status).toBe(403)
      expect((await notStaff[method](`/sys/data-rules${path}`, body)).status).toBe(403)
      expect((await t.anonymous[method](`/sys/data-rules${path}`, body)).status).toBe(401)
      expect((await (await t.signIn(code))[method](`/sys/data-rules${path}`, body)).status).toBe(200)
    }
  })

  test('a change decides at the next request what the rule’s holders see', async () => {
    const person = await t.signInAs({ permissions: ['sys:dept:get'], rules: [] })
    const scope = await giveScope(t.db, person.role_id, [])
    const id = await make('Changing', { value: '999999' })
    await root.put(`/sys/data-scopes/${scope}/rules`, { rules: [id] })
    expect((await person.get('/sys/depts')).body.data).toEqual([])
    await root.put(`/sys/data-rules/${id}`, { ...RULE, name: 'Changing', expression: 1, value: '999999' })
    expect((await person.get('/sys/depts')).body.data).not.toEqual([])
    await root.delete('/sys/data-rules', { pks: [id] })
    expect((await person.get('/sys/depts')).body.data).toEqual([])
  })

  test('the rules of one’s own scopes are changed only by a superuser', async () => {
    const person = await t.signInAs({ permissions: ['data:rule:edit', 'data:rule:del'], rules: [] })
    const own = await make('Of one’s own')
    const foreign = await make('Of others')
    const scope = await giveScope(t.db, person.role_id, [])
    await root.put(`/sys/data-scopes/${scope}/rules`, { rules: [own] })
    const wide = { ...RULE, name: 'Mine now', expression: 1, value: '0' }
    for (const refused of [
      await person.put(`/sys/data-rules/${own}`, wide),
      await person.delete('/sys/data-rules', { pks: [own] }),
      await person.delete('/sys/data-rules', { pks: [foreign, own] }),
    ])
      expect(refused).toMatchObject({ status: 403, body: { msg: '不能修改自己的权限' } })
    expect((await root.get(`/sys/data-rules/${own}`)).body.data).toMatchObject({ ...RULE, name: 'Of one’s own' })
    expect((await person.put(`/sys/data-rules/${foreign}`, wide)).status).toBe(200)
    expect((await person.delete('/sys/data-rules', { pks: [foreign] })).status).toBe(200)
    expect((await root.put(`/sys/data-rules/${own}`, { ...wide, name: 'Mine no more' })).status).toBe(200)
  })
})
