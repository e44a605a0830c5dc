import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { TRIED } from '#backend/core/plugin/install/tests/hostile-plugins'
import { manifestWith, pluginWith } from '#backend/core/plugin/install/tests/plugin-files'
import {
  keptConnection,
  openPluginCluster,
  type PluginCluster,
  PROCESSES,
  send,
  textOf,
} from '#backend/tests/process/plugin-cluster'
import { PLUGIN_PATH, STATUS_OF, type Standing, startLoad } from '#backend/tests/process/plugin-load'
import { type SpawnedServer, until } from '#backend/tests/process/spawned'

const TOGGLES = Number(process.env.FBA_PLUGIN_TOGGLES ?? 40)
const INSTALLATIONS = Number(process.env.FBA_PLUGIN_INSTALLATIONS ?? 3)
/** What code and caches take is there after the first few. */
const WARM_UP = 6
const HEAP_GROWTH_MAX = 8 * 1024 * 1024
/** A module stays in memory until its process ends. */
const HEAP_PER_INSTALLATION = 512 * 1024
const TIMEOUT_MS = 120_000 + TOGGLES * 3_000

let cluster: PluginCluster
let at = 0
let standing: Standing = 'on'
beforeAll(async () => {
  cluster = await openPluginCluster()
}, 120_000)
afterAll(() => cluster?.close(), 60_000)

const server = (index: number): SpawnedServer => {
  const found = cluster.servers[index % PROCESSES]
  if (found === undefined) throw new Error('no such process')
  return found
}

interface Change {
  set_version: number
  out_of_service: { pid: number }[]
}

/** Asks one process after the other, so that each has to be followed by the others. */
async function toggle(): Promise<Change> {
  const { status, text } = await send(server(at++).url, '/sys/plugins/addon/status', {
    method: 'PUT',
    token: cluster.token,
  })
  expect(status, text).toBe(200)
  standing = standing === 'on' ? 'off' : 'on'
  return (JSON.parse(text) as { data: Change }).data
}

async function install(url: string, archive: Buffer): Promise<{ status: number; text: string }> {
  const body = new FormData()
  body.append('file', new Blob([new Uint8Array(archive)]), 'plugin.zip')
  const headers = { authorization: `Bearer ${cluster.token}`, connection: 'close', 'accept-language': 'en-US' }
  const response = await fetch(`${url}/api/v1/sys/plugins?type=zip`, { method: 'POST', headers, body })
  return { status: response.status, text: await response.text() }
}

test(
  `${TOGGLES} changes under load on ${PROCESSES} processes: core routes always answer, no process answers with what was before`,
  async () => {
    const load = startLoad(cluster)
    const change = async () => {
      load.changing()
      const { out_of_service } = await toggle()
      load.settled(standing)
      expect(out_of_service).toEqual([])
      // Beside the load: everybody at once, as soon as it is acknowledged.
      const answers = await Promise.all(cluster.servers.map(({ url }) => send(url, PLUGIN_PATH)))
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => STATUS_OF[standing]))
      await sleep(50)
    }
    for (let done = 0; done < WARM_UP; done += 1) await change()
    const before = await cluster.heaps()
    const began = performance.now()
    for (let done = 0; done < TOGGLES; done += 1) await change()
    const took = performance.now() - began
    await load.stop()
    // Earlier instances are closed when they have answered.
    await sleep(500)
    const after = await cluster.heaps()
    const growth = after.map((bytes, index) => bytes - (before[index] ?? 0))
    const kilobytes = growth.map((bytes) => Math.round(bytes / 1024)).join(', ')
    process.stderr.write(
      `plugins: ${TOGGLES} changes at ${Math.round(took / TOGGLES)} ms, ${load.counts.core} core reads, ${load.counts.written} writes and ${load.counts.plugin} plugin requests (${load.counts.judged} judged), ${load.faults.length} faults; heap growth ${kilobytes} KiB of ${Math.round((before[0] ?? 0) / 1024)}\n`,
    )
    expect(load.faults).toEqual([])
    expect(load.counts.judged).toBeGreaterThan(TOGGLES)
    expect(load.counts.written).toBeGreaterThan(TOGGLES)
    expect(Math.max(...growth)).toBeLessThan(HEAP_GROWTH_MAX)
  },
  TIMEOUT_MS,
)

test(
  `${INSTALLATIONS} plugins installed and uninstalled under load: core routes always answer, every process has or has not got it`,
  async () => {
    const load = startLoad(cluster)
    load.settled(standing)
    const heaps = await cluster.heaps()
    const statusesOf = async () =>
      Promise.all(cluster.servers.map(({ url }) => send(url, '/greeting/words', { token: cluster.token })))
    const began = performance.now()
    for (let done = 0; done < INSTALLATIONS; done += 1) {
      // Another text each time, so that none is in memory already.
      const manifest = manifestWith({ description: `Made for the ${done}th time` })
      const installed = await install(server(done).url, writeArchive(pluginWith({ 'plugin.json': manifest })))
      expect(installed.status, installed.text).toBe(200)
      expect((await statusesOf()).map(({ status }) => status)).toEqual(cluster.servers.map(() => 200))
      const gone = await send(server(done + 1).url, '/sys/plugins/greeting', { method: 'DELETE', token: cluster.token })
      expect(gone.status, gone.text).toBe(200)
      expect((await statusesOf()).map(({ status }) => status)).toEqual(cluster.servers.map(() => 404))
    }
    const took = performance.now() - began
    await load.stop()
    await sleep(500)
    const growth = (await cluster.heaps()).map((bytes, index) => Math.round((bytes - (heaps[index] ?? 0)) / 1024))
    process.stderr.write(
      `plugins: ${INSTALLATIONS} installed and uninstalled at ${Math.round(took / INSTALLATIONS)} ms, ${load.counts.core} core requests, ${load.faults.length} faults; heap growth ${growth.join(', ')} KiB\n`,
    )
    expect(load.faults).toEqual([])
    expect(Math.max(...growth) * 1024).toBeLessThan(HEAP_GROWTH_MAX + INSTALLATIONS * HEAP_PER_INSTALLATION)
  },
  60_000 + INSTALLATIONS * 30_000,
)

/** What each is refused for, as its answer says it. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['hangs', 'seconds'],
  ['throws when it is loaded', 'no luck'],
  ['shadows a route', '/api/v1/sys/users/:id'],
  ['leaks a timer', 'Timeout'],
]
const FAILING_SQL = {
  'migrations/0000_words.up.sql':
    'create table greeting_word (id bigserial primary key, text varchar(64) not null); insert into greeting_word (text) values (null);',
}

test(`hostile plugins under load on ${PROCESSES} processes are refused with their reasons, and core routes always answer`, async () => {
  const load = startLoad(cluster)
  const post = async (index: number, changes: Parameters<typeof pluginWith>[0]) => {
    const { status, text } = await install(server(index).url, writeArchive(pluginWith(changes)))
    return { status, msg: (JSON.parse(text) as { msg: string }).msg }
  }
  const [hanging, ...quick] = HOSTILE.map(([name, reason]) => ({
    changes: TRIED.find(([what]) => what === name)?.[1] ?? {},
    reason,
  }))
  // The others come and go while it hangs.
  const slow = post(0, hanging?.changes)
  for (const [index, { changes, reason }] of quick.entries()) {
    const { status, msg } = await post(index + 1, changes)
    expect([400, 409]).toContain(status)
    expect(msg).toContain(reason)
  }
  const failed = await post(1, FAILING_SQL)
  expect(failed).toMatchObject({ status: 409, msg: expect.stringContaining('null value in column') })
  expect(await slow).toMatchObject({ status: 400, msg: expect.stringContaining(hanging?.reason ?? '') })
  const statuses = await Promise.all(
    cluster.servers.map(async ({ url }) => (await send(url, '/greeting/words', { token: cluster.token })).status),
  )
  await load.stop()
  expect(statuses).toEqual(cluster.servers.map(() => 404))
  expect(load.faults).toEqual([])
  expect(load.counts.written).toBeGreaterThan(PROCESSES)
}, 90_000)

describe('what is open', () => {
  test('an upload under way and a connection that idles survive a change', async () => {
    const agent = keptConnection()
    const { url } = server(0)
    const before = await send(url, '/sys/users/me', { token: cluster.token, agent })
    const archive = writeArchive(pluginWith({ 'plugin.json': manifestWith({ description: 'Uploaded slowly' }) }))
    const body = Buffer.concat([
      Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="plugin.zip"\r\n\r\n'),
      archive,
      Buffer.from('\r\n--x--\r\n'),
    ])
    const upload = request(`${url}/api/v1/sys/plugins?type=zip`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${cluster.token}`,
        'content-type': 'multipart/form-data; boundary=x',
        'content-length': body.length,
      },
    })
    // In the midst of the file.
    upload.write(body.subarray(0, 300))
    await sleep(100)
    await toggle()
    await toggle()
    upload.end(body.subarray(300))
    const [response] = (await once(upload, 'response')) as [IncomingMessage]
    const uploaded = await textOf(response)
    expect(uploaded.status, uploaded.text).toBe(200)
    expect((await send(url, '/greeting/words', { token: cluster.token })).status).toBe(200)
    const gone = await send(url, '/sys/plugins/greeting', { method: 'DELETE', token: cluster.token })
    expect(gone.status, gone.text).toBe(200)
    const after = await send(url, '/sys/users/me', { token: cluster.token, agent })
    expect([before.status, after.status]).toEqual([200, 200])
    expect(after.port).toBe(before.port)
    agent.destroy()
  }, 60_000)
})

describe('a process that is stopped during a change', () => {
  test('is named in the answer, answers nobody with the old set when it wakes, and comes back with the new one', async () => {
    const stopped = server(3)
    at = 0
    const load = startLoad({ servers: cluster.servers.slice(0, 3), token: cluster.token })
    stopped.process.kill('SIGSTOP')
    const change = await toggle()
    expect(change.out_of_service.map(({ pid }) => pid)).toEqual([stopped.process.pid])
    // They wait in its sockets and are the first that it sees.
    const waiting = [
      ...Array.from({ length: 10 }, () => send(stopped.url, PLUGIN_PATH)),
      ...Array.from({ length: 10 }, () => send(stopped.url, '/sys/depts', { token: cluster.token })),
    ]
    await sleep(300)
    stopped.process.kill('SIGCONT')
    const statuses = (await Promise.all(waiting)).map(({ status }) => status)
    expect(statuses).toContain(503)
    expect(statuses.slice(0, 10).filter((status) => status !== 503 && status !== STATUS_OF[standing])).toEqual([])
    await until(async () => (await send(stopped.url, '/sys/depts', { token: cluster.token })).status === 200)
    expect((await send(stopped.url, PLUGIN_PATH)).status).toBe(STATUS_OF[standing])
    await load.stop()
    expect(load.faults).toEqual([])
    expect((await toggle()).out_of_service).toEqual([])
    expect((await send(stopped.url, PLUGIN_PATH)).status).toBe(STATUS_OF[standing])
  }, 60_000)

  test('liveness is answered all the same', async () => {
    const stopped = server(2)
    stopped.process.kill('SIGSTOP')
    await sleep(6_000)
    const alive = fetch(`${stopped.url}/healthz`)
    const ready = fetch(`${stopped.url}/readyz`)
    await sleep(200)
    stopped.process.kill('SIGCONT')
    expect((await alive).status).toBe(200)
    expect((await ready).status).toBe(503)
    await until(async () => (await fetch(`${stopped.url}/readyz`)).status === 200)
  }, 60_000)
})
