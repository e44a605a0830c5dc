import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DestinationStream } from 'pino'
import { inject } from 'vitest'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { session } from '#backend/app/admin/model/session.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { MENU_TYPE } from '#backend/common/enums'
import type { ActorRule } from '#backend/core/actor'
import type { App } from '#backend/core/app'
import { type Config, parseConfig } from '#backend/core/config'
import { createHost, type Host } from '#backend/core/host'
import { createLogger } from '#backend/core/log'
import { installBuiltIns, migrateBuiltIns } from '#backend/core/plugin/built-in-install'
import { startRuntime } from '#backend/core/plugin/runtime'
import { ACCESS_TOKEN } from '#backend/core/tokens'
import type { Db } from '#backend/database/db'
import { APPS, buildApp } from '#backend/server'
import { createTestDatabase } from '#backend/tests/test-database'

export interface Answer {
  status: number
  headers: Record<string, unknown>
  /** The envelope, loosely typed: tests say what they expect of it. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape under test is what a test asserts
  body: any
  text: string
}

export interface CallOptions {
  body?: unknown
  headers?: Record<string, string>
  remoteAddress?: string
}

/** Calls the API as one person; paths are below /api/v1. */
export interface Caller {
  get(path: string, options?: CallOptions): Promise<Answer>
  post(path: string, body?: unknown, options?: CallOptions): Promise<Answer>
  put(path: string, body?: unknown, options?: CallOptions): Promise<Answer>
  delete(path: string, body?: unknown, options?: CallOptions): Promise<Answer>
}

export interface SignedIn extends Caller {
  user_id: number
  role_id: number
  session_uuid: string
  username: string
  token: string
}

export interface Person {
  /** Exactly these codes, through one role of one's own. */
  permissions?: readonly string[]
  is_superuser?: boolean
  is_staff?: boolean
  dept_id?: number | null
  /** Present: rows are filtered, by one scope with these rules; absent: the role lifts the filter. */
  rules?: readonly ActorRule[]
}

export interface TestApp {
  /** The instance that serves now. */
  readonly app: App
  host: Host
  db: Db
  config: Config
  anonymous: Caller
  /** Makes a user with a role that carries exactly these permissions, and signs them in. */
  signIn(...permissions: string[]): Promise<SignedIn>
  signInAs(person: Person): Promise<SignedIn>
  signInSuperuser(): Promise<SignedIn>
  /** Signs an existing user in. */
  signInUser(user_id: number): Promise<SignedIn>
  close(): Promise<void>
}

export interface TestAppOptions {
  /** Folder of the plugins that ship with the product, where they are not those of this repository. */
  plugin_folder?: string
  /** Where the log lines go; absent: nowhere. */
  lines?: DestinationStream
}

/** A whole application on a database of its own, with everything real but the network. */
export async function createTestApp(
  settings: Record<string, string> = {},
  { plugin_folder, lines }: TestAppOptions = {},
): Promise<TestApp> {
  const database = await createTestDatabase()
  const data_dir = mkdtempSync(join(tmpdir(), 'fba-test-data-'))
  const redis_url = inject('redis_url')
  const config = parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: '5',
    DATA_DIR: data_dir,
    LOG_LEVEL: 'silent',
    LOGIN_CAPTCHA_ENABLED: 'false',
    PASSWORD_HASH_COST: '4',
    TRUSTED_PROXIES: '10.0.0.0/8',
    REDIS_PREFIX: `test-${randomBytes(6).toString('hex')}`,
    ...(redis_url === undefined ? {} : { REDIS_URL: redis_url }),
    ...settings,
  })
  const log = createLogger(config, lines)
  const host = await createHost(config, { apps: APPS, log, plugin_folder })
  if (plugin_folder !== undefined) await migrateBuiltIns(host).then(() => installBuiltIns(host))
  await host.start()
  const runtime = await startRuntime(host, (set) => buildApp(host, APPS, set))
  const app = () => runtime.current().app
  const { db } = host.database
  const signInUser = (user_id: number) => openSession(app, db, user_id)
  const signInAs = async (person: Person) => signInUser(await makePerson(db, person))
  return {
    get app() {
      return app()
    },
    host,
    db,
    config,
    anonymous: callerOf(app, {}),
    signInUser,
    signInAs,
    signIn: (...permissions) => signInAs({ permissions }),
    signInSuperuser: () => signInAs({ is_superuser: true }),
    async close() {
      await runtime.stop()
      await host.close()
      await database.drop()
      rmSync(data_dir, { recursive: true, force: true })
    },
  }
}

/** `app` is asked anew for every call: it changes with the set of plugins. */
export function callerOf(app: () => App, defaults: Record<string, string>): Caller {
  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: CallOptions = {}) => {
    const response = await app().inject({
      method,
      url: `/api/v1${path}`,
      headers: { ...defaults, ...options.headers },
      ...(options.body === undefined ? {} : { payload: options.body as object }),
      ...(options.remoteAddress === undefined ? {} : { remoteAddress: options.remoteAddress }),
    })
    const text = response.body
    const isJson = String(response.headers['content-type']).includes('json')
    return { status: response.statusCode, headers: response.headers, body: isJson ? JSON.parse(text) : undefined, text }
  }
  return {
    get: (path, options) => call('GET', path, options),
    post: (path, body, options) => call('POST', path, { ...options, body }),
    put: (path, body, options) => call('PUT', path, { ...options, body }),
    delete: (path, body, options) => call('DELETE', path, { ...options, body }),
  }
}

const unique = (label: string) => `${label}_${randomBytes(5).toString('hex')}`

async function insertOne<T>(rows: Promise<T[]>): Promise<T> {
  const [row] = await rows
  if (row === undefined) throw new Error('nothing was inserted')
  return row
}

/** The row whose id others refer to: a user, with one role made for them. */
async function makePerson(db: Db, person: Person): Promise<number> {
  const { permissions = [], is_superuser = false, is_staff = true, dept_id = null, rules } = person
  const username = unique('user')
  const { id } = await insertOne(
    db
      .insert(user)
      .values({ username, nickname: username, is_superuser, is_staff, dept_id, is_multi_login: true })
      .returning(),
  )
  const held = await insertOne(
    db
      .insert(role)
      .values({ name: unique('role'), is_filter_scopes: rules !== undefined })
      .returning(),
  )
  await db.insert(userRole).values({ user_id: id, role_id: held.id })
  for (const code of permissions) {
    const button = await insertOne(
      db
        .insert(menu)
        .values({ title: unique('menu'), name: unique('Menu'), type: MENU_TYPE.button, perms: code })
        .returning(),
    )
    await db.insert(roleMenu).values({ role_id: held.id, menu_id: button.id })
  }
  if (rules !== undefined) await giveScope(db, held.id, rules)
  return id
}

/** Gives a role one more data scope with these rules. */
export async function giveScope(db: Db, role_id: number, rules: readonly ActorRule[]): Promise<number> {
  const scope = await insertOne(
    db
      .insert(dataScope)
      .values({ name: unique('scope') })
      .returning(),
  )
  await db.insert(roleDataScope).values({ role_id, data_scope_id: scope.id })
  for (const rule of rules) {
    const row = await insertOne(
      db
        .insert(dataRule)
        .values({ ...rule, name: unique('rule') })
        .returning(),
    )
    await db.insert(dataScopeRule).values({ data_scope_id: scope.id, data_rule_id: row.id })
  }
  return scope.id
}

async function openSession(app: () => App, db: Db, user_id: number): Promise<SignedIn> {
  const session_uuid = randomUUID()
  await db.insert(session).values({
    session_uuid,
    user_id,
    refresh_hash: randomBytes(32).toString('hex'),
    ip: '127.0.0.1',
    expire_time: new Date(Date.now() + 3_600_000),
  })
  const token = app().tokens.sign({ user_id, session_uuid, jti: randomUUID() }, ACCESS_TOKEN, {
    issued_at: Math.floor(Date.now() / 1000),
    ttl: 3600,
  })
  const owner = (await db.select().from(user)).find(({ id }) => id === user_id)
  const held = (await db.select().from(userRole)).find((link) => link.user_id === user_id)
  return {
    ...callerOf(app, { authorization: `Bearer ${token}` }),
    user_id,
    role_id: held?.role_id ?? 0,
    session_uuid,
    username: owner?.username ?? '',
    token,
  }
}
