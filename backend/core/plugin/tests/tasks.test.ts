import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHost, type Host } from '#backend/core/host'
import { pluginTaskSlot } from '#backend/core/plugin/model/plugin-task-slot.model'
import { type PluginRuntime, startRuntime } from '#backend/core/plugin/runtime'
import { createTasks } from '#backend/core/plugin/tasks'
import { APPS, buildApp } from '#backend/server'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

let t: TestApp
let host: Host
let runtime: PluginRuntime
let superuser: SignedIn
beforeAll(async () => {
  t = await createTestApp({}, { plugin_folder: PLUGIN_FIXTURES })
  superuser = await t.signInSuperuser()
  host = await createHost(t.config, { apps: APPS, log: t.host.log, plugin_folder: PLUGIN_FIXTURES })
  await host.start()
  runtime = await startRuntime(host, (set) => buildApp(host, APPS, set))
})
afterAll(async () => {
  await runtime.stop()
  await host.close()
  await t.close()
})

const runs = async () => {
  const [row] = await t.host.database.sql<{ runs: number; slots: number }[]>`
    select (select count(*) from fixture_sample_run)::int as runs, (select count(*) from sys_plugin_task_slot)::int as slots`
  return row ?? { runs: 0, slots: 0 }
}
const toggle = (name: string) => superuser.put(`/sys/plugins/${name}/status`)

test('a task runs once each time on one of several processes, stops with its plugin, and comes back with it', async () => {
  await expect.poll(async () => (await runs()).runs, { timeout: 5_000 }).toBeGreaterThanOrEqual(3)
  await toggle('addon')
  await toggle('sample')
  const stopped = await runs()
  expect(stopped.runs).toBe(stopped.slots)
  await sleep(1_500)
  expect(await runs()).toEqual(stopped)
  await toggle('sample')
  await expect.poll(async () => (await runs()).runs, { timeout: 5_000 }).toBeGreaterThan(stopped.runs)
  const slots = await t.db.select().from(pluginTaskSlot)
  expect(slots.every(({ task, due_time }) => task === 'sample.count' && due_time.getMilliseconds() === 0)).toBe(true)
})

test('a process that may not serve runs nothing, and leaves the time to the others', async () => {
  await runtime.stop()
  await t.host.runtime?.stop()
  const before = await runs()
  const process_id = '00000000-0000-4000-8000-000000000000'
  const set = { version: 1, enabled: t.host.built_ins, disabled: [] }
  const idle = createTasks({ host: t.host, process_id, mayRun: () => false })
  idle.use(set)
  await sleep(1_500)
  expect(await runs()).toEqual(before)
  const working = createTasks({ host: t.host, process_id, mayRun: () => true })
  working.use(set)
  await expect.poll(async () => (await runs()).runs, { timeout: 5_000 }).toBeGreaterThan(before.runs)
  await Promise.all([idle.stop(), working.stop()])
})
