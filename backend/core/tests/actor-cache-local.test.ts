import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { withTx } from '#backend/core/ctx'
import { isStaff, peersOnOneDatabase, promote, shortestOf, WAIT_MS } from '#backend/core/tests/actor-cache.fixture'
import { makeSession, openProcess } from '#backend/core/tests/process.fixture'
import { until } from '#backend/tests/process/spawned'

const { database_url, openPeer, undo } = peersOnOneDatabase()

describe('the in-process port', () => {
  test('a server sees its own changes at once and waits for nobody', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    expect(await isStaff(server, session)).toBe(false)
    expect(await shortestOf(3, () => promote(server.ctx, session.user_id))).toBeLessThan(WAIT_MS)
    expect(await isStaff(server, session)).toBe(true)
  })

  test.each([true, false])('a server sees what the command line has changed (it hears: %s)', async (hears) => {
    const [server, cli] = [await openPeer({ hears }), await openPeer({ role: 'cli', hears: false })]
    const session = await makeSession(server.ctx.db)
    expect(await isStaff(server, session)).toBe(false)
    await promote(cli.ctx, session.user_id)
    expect(await isStaff(server, session)).toBe(true)
  })

  test('a server drops what it knew when it may have missed something', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    await isStaff(server, session)
    const before = server.loads()
    let gaps = 0
    server.ctx.events.onGap(() => (gaps += 1))
    await server.ctx.db.execute(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'listen "fba_events"%'`)
    await until(async () => gaps > 0)
    await isStaff(server, session)
    expect(server.loads()).toBe(before + 1)
  })

  test('a change that is undone makes nobody read again', async () => {
    const server = await openPeer({})
    const session = await makeSession(server.ctx.db)
    await isStaff(server, session)
    const before = server.loads()
    const undone = withTx(server.ctx, async (ctx) => {
      await ctx.actors.touch(ctx, ['all'])
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await isStaff(server, session)
    expect(server.loads()).toBe(before)
  })
})

describe('a session that is not used', () => {
  const settings = { SESSION_IDLE_SECONDS: '2' }

  test('is refused after its time; one in use on another process is not, also where it was not seen for long', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => openProcess({ database_url: database_url(), settings })))
    if (one === undefined || two === undefined) throw new Error('nothing was opened')
    undo.push(
      () => one.close(),
      () => two.close(),
    )
    const { session_uuid, user_id } = await makeSession(one.ctx.db)
    const use = async ({ host }: typeof one) => {
      const actor = await host.actors.get(session_uuid, user_id)
      if (actor !== null) host.activity.note(session_uuid)
      return actor
    }
    expect(await use(one)).not.toBeNull()
    for (let step = 0; step < 15; step += 1) {
      expect(await use(two)).not.toBeNull()
      await sleep(200)
    }
    expect(await use(one)).not.toBeNull()
    await sleep(3500)
    expect(await use(one)).toBeNull()
    expect(await use(two)).toBeNull()
    expect(await use(one)).toBeNull()
  })
})
