import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { ensureBuilt, MAIN } from './built.js'
import { type Child, startChild } from './child.js'
import { createDatabase } from './database.js'
import { machine, median, table } from './numbers.js'
import { type Statement, type Tap, tapPostgres } from './tap.js'

const TARGET = 1.3
const ROWS = 1_000_000
const DEPARTMENTS = 1_000
const BELOW = 9
const PATH = '/api/v1/sys/users?page=1&size=20'
const WARM_UPS = 5

interface Case {
  name: string
  username: string
  /** Scopes, each of rules: column, operator, expression, value. */
  scopes: [column: string, operator: number, expression: number, value: string][][]
  /** The same, as somebody would write it who had only this query to write. */
  condition: string
  values: (standing: Standing) => number[]
}

interface Standing {
  user_id: number
  dept_id: number
  dept_tree: number[]
}

const CASES: Case[] = [
  {
    name: 'own department',
    username: 'scope_own',
    scopes: [[['__dept_id__', 0, 0, '${dept_id}']]],
    condition: 'u.dept_id = $1',
    values: ({ dept_id }) => [dept_id],
  },
  {
    name: `own department and ${BELOW} below it`,
    username: 'scope_tree',
    scopes: [[['__dept_id__', 0, 6, '${dept_tree}']]],
    condition: `u.dept_id in (${Array.from({ length: BELOW + 1 }, (_, index) => `$${index + 1}`).join(', ')})`,
    values: ({ dept_tree }) => dept_tree,
  },
  {
    name: 'two scopes, AND within one',
    username: 'scope_two',
    scopes: [
      [
        ['__dept_id__', 0, 0, '${dept_id}'],
        ['status', 0, 0, '1'],
      ],
      [['__created_by__', 0, 0, '${user_id}']],
    ],
    condition: '(u.dept_id = $1 and u.status = $2) or u.id = $3',
    values: ({ user_id, dept_id }) => [dept_id, 1, user_id],
  },
]

/** What row permissions cost the database: the product's own statements of a filtered page against hand-written ones. */
export async function benchScope({ rounds }: { rounds: number }): Promise<void> {
  ensureBuilt()
  const folder = mkdtempSync(join(tmpdir(), 'fba-bench-scope-'))
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const database = await createDatabase()
    if (database === undefined) throw new Error('scope needs a PostgreSQL server: set DATABASE_URL')
    closing.push(() => database.drop())
    const tap = await tapPostgres(database.url)
    closing.push(() => tap.close())
    const password = `Bench-${randomBytes(9).toString('base64url')}`
    const product = await startProduct(folder, tap.url, password)
    closing.push(() => product.stop())
    const sql = postgres(database.url, { max: 1, onnotice: () => {} })
    closing.push(() => sql.end({ timeout: 1 }))
    console.log(`node ${process.version}, ${machine()}; ${ROWS} users in ${DEPARTMENTS} departments\n`)
    await seed(sql)
    const ratios: number[] = []
    for (const one of CASES) ratios.push(await compare(one, { product, tap, sql, password, rounds }))
    const worst = Math.max(...ratios)
    console.log(`worst ${worst.toFixed(2)}, ${worst <= TARGET ? 'within' : 'ABOVE'} the target of ${TARGET}`)
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

function startProduct(folder: string, database_url: string, password: string): Promise<Child> {
  return startChild({
    args: ['--enable-source-maps', MAIN],
    cwd: folder,
    env: {
      NODE_ENV: 'production',
      TOKEN_SECRET_KEY: randomBytes(32).toString('base64url'),
      ADMIN_PASSWORD: password,
      LOGIN_CAPTCHA_ENABLED: 'false',
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: database_url,
    },
    ready_path: '/readyz',
  })
}

/** The first department has the next ones below it; everybody of the cases is in it, with the administrator's password. */
async function seed(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into sys_dept (name, sort, status, del_flag, created_time)
    select 'Department ' || n, n, 1, false, now() from generate_series(1, ${DEPARTMENTS}::int) n`
  await sql`
    update sys_dept set parent_id = (select id from sys_dept where name = 'Department 1')
    where name in (select 'Department ' || n from generate_series(2, ${BELOW + 1}::int) n)`
  const [first] = await sql<{ id: string }[]>`select id from sys_dept where name = 'Department 1'`
  const dept_id = Number(first?.id)
  // As a table fills: the departments all through it.
  await sql`
    insert into sys_user (uuid, username, nickname, email, status, is_superuser, is_staff, is_multi_login, join_time,
      dept_id, created_time)
    select gen_random_uuid()::text, 'bench' || n, 'Bench ' || n, 'bench' || n || '@example.com', 1, false, false, false,
      now(), ${dept_id}::bigint + n % ${DEPARTMENTS}::int, now()
    from generate_series(1, ${ROWS}::int) n`
  for (const { username, scopes } of CASES) await seedPerson(sql, username, dept_id, scopes)
  await sql`vacuum analyze`
}

async function seedPerson(sql: postgres.Sql, username: string, dept_id: number, scopes: Case['scopes']): Promise<void> {
  const inserted = async (query: postgres.PendingQuery<{ id: string }[]>) => Number((await query)[0]?.id)
  const user_id = await inserted(sql`
    insert into sys_user (uuid, username, nickname, password, status, is_superuser, is_staff, is_multi_login, join_time,
      dept_id, created_time)
    select gen_random_uuid()::text, ${username}, ${username}, password, 1, false, true, true, now(), ${dept_id}, now()
    from sys_user where username = 'admin' returning id`)
  const role_id = await inserted(sql`
    insert into sys_role (name, status, is_filter_scopes, created_time) values (${username}, 1, true, now()) returning id`)
  await sql`insert into sys_user_role (user_id, role_id) values (${user_id}, ${role_id})`
  await sql`
    insert into sys_role_menu (role_id, menu_id) select ${role_id}, id from sys_menu where perms like '%sys:user:get%'`
  for (const [index, rules] of scopes.entries()) {
    const name = `${username} ${index}`
    const scope_id = await inserted(
      sql`insert into sys_data_scope (name, status, created_time) values (${name}, 1, now()) returning id`,
    )
    await sql`insert into sys_role_data_scope (role_id, data_scope_id) values (${role_id}, ${scope_id})`
    for (const [column, operator, expression, value] of rules) {
      const rule_id = await inserted(sql`
        insert into sys_data_rule (name, model, "column", operator, expression, value, created_time)
        values (${`${name} ${column}`}, ${column.startsWith('__') ? '__ALL__' : 'User'}, ${column}, ${operator}, ${expression},
          ${value}, now()) returning id`)
      await sql`insert into sys_data_scope_rule (data_scope_id, data_rule_id) values (${scope_id}, ${rule_id})`
    }
  }
}

interface Bench {
  product: Child
  tap: Tap
  sql: postgres.Sql
  password: string
  rounds: number
}

/** Page and count, of the product and by hand. */
interface Pair {
  page: Statement
  count: Statement
}

/** The median ratio of the two, taken in turns on one connection. */
async function compare({ name, username, condition, values }: Case, bench: Bench): Promise<number> {
  const { sql, rounds } = bench
  const product = await captured(username, bench)
  const hand = written(condition, values(await standingOf(sql, username)))
  await assertSameRows(sql, product, hand)
  const times: { product: number; hand: number }[] = []
  for (let round = -WARM_UPS; round < rounds; round += 1) {
    const found = { product: 0, hand: 0 }
    const sides = [
      ['product', product],
      ['hand', hand],
    ] as const
    for (const [side, pair] of round % 2 === 0 ? sides : sides.toReversed()) found[side] = await timed(sql, pair)
    if (round >= 0) times.push(found)
  }
  const ratio = median(times.map((one) => one.product / one.hand))
  const side = (key: 'product' | 'hand') => median(times.map((one) => one[key])).toFixed(2)
  console.log(`${name}: ${ratio.toFixed(2)} times the hand-written query (median of ${rounds} in turns)`)
  const rows = [
    ['', 'ms'],
    ['product', side('product')],
    ['by hand', side('hand')],
  ]
  console.log(`${table(rows)}\n  ${conditionOf(product.count.text)}\n`)
  return ratio
}

async function timed(sql: postgres.Sql, { page, count }: Pair): Promise<number> {
  const started_at = performance.now()
  await run(sql, page)
  await run(sql, count)
  return performance.now() - started_at
}

const run = (sql: postgres.Sql, { text, values }: Statement) => sql.unsafe(text, values, { prepare: true }).values()

/** The two statements with which the product reads this page for somebody. */
async function captured(username: string, { product, tap, password }: Bench): Promise<Pair> {
  const headers = { authorization: `Bearer ${await signIn(product.url, username, password)}` }
  const ask = async () => {
    const response = await fetch(`${product.url}${PATH}`, { headers })
    if (response.status !== 200) throw new Error(`${PATH} was answered with ${response.status}`)
    await response.arrayBuffer()
  }
  await ask()
  const statements = (await tap.record(ask)).filter(({ text }) => text.includes(' from "sys_user"'))
  const page = statements.find(({ text }) => text.includes(' limit '))
  const count = statements.find(({ text }) => text.startsWith('select count('))
  if (page === undefined || count === undefined || statements.length !== 2)
    throw new Error(`unexpected statements of ${PATH}:\n${statements.map(({ text }) => text).join('\n')}`)
  return { page, count }
}

async function signIn(url: string, username: string, password: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  const { msg, data } = (await response.json()) as { msg: string; data: { access_token: string } }
  if (response.status !== 200) throw new Error(`signing in was answered with ${response.status}: ${msg}`)
  return data.access_token
}

function written(condition: string, numbers: readonly number[]): Pair {
  const values = numbers.map(String)
  const columns = `u.id, u.uuid, u.username, u.nickname, u.email, u.phone, u.avatar, u.status, u.is_superuser, u.is_staff,
    u.is_multi_login, u.join_time, u.last_login_time, u.last_password_changed_time, u.dept_id, u.created_time,
    u.updated_time, d.id, d.name, d.sort, d.leader, d.phone, d.email, d.status, d.del_flag, d.parent_id, d.created_time,
    d.updated_time`
  const page = `select ${columns} from sys_user u left join sys_dept d on d.id = u.dept_id where ${condition}
    order by u.id desc limit 20`
  return { page: { text: page, values }, count: { text: `select count(*) from sys_user u where ${condition}`, values } }
}

async function standingOf(sql: postgres.Sql, username: string): Promise<Standing> {
  const [row] = await sql<
    { id: string; dept_id: string }[]
  >`select id, dept_id from sys_user where username = ${username}`
  const dept_id = Number(row?.dept_id)
  const below = await sql<{ id: string }[]>`select id from sys_dept where parent_id = ${dept_id} order by id`
  return { user_id: Number(row?.id), dept_id, dept_tree: [dept_id, ...below.map(({ id }) => Number(id))] }
}

/** Otherwise it would be a comparison with another question. */
async function assertSameRows(sql: postgres.Sql, ...pairs: Pair[]): Promise<void> {
  const answers = []
  for (const { page, count } of pairs) {
    const rows = await run(sql, page)
    answers.push(JSON.stringify([rows.map((row) => row[0]), rows.map((row) => row.length), await run(sql, count)]))
  }
  if (new Set(answers).size !== 1) throw new Error(`product and hand find different rows:\n${answers.join('\n')}`)
}

const conditionOf = (text: string) => text.replace(/^.*? where /, 'where ')
