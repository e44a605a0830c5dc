import { Cron } from 'croner'
import { readDefinition, Unfit } from '#backend/core/plugin/install/smoke-definition'
import type { SmokeMessage, SmokeOrder } from '#backend/core/plugin/install/smoke-report'
import { registerRoutes } from '#backend/core/plugin/install/smoke-routes'
import { countTimers } from '#backend/core/plugin/install/smoke-timers'

// A process of its own that tries one plugin: loads it, registers its routes, says what it brings, closes, and ends by
// itself, unless the plugin keeps it.

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

// Taken before any code of the plugin runs, which finds no way left to speak for this process.
const send = process.send?.bind(process)
const exit = process.exit.bind(process)
const disconnect = process.disconnect?.bind(process)
Object.assign(process, { send: undefined, disconnect: undefined })

process.once('message', (order: SmokeOrder) => {
  const tell = (message: Without<SmokeMessage, 'word'>) =>
    new Promise<void>((resolve) => {
      send?.({ ...message, word: order.word }, () => resolve())
    })
  const give = (kind: 'threw' | 'invalid') => (error: unknown) => {
    void tell({ kind, reason: textOf(error) }).then(() => exit(1))
  }
  process.on('uncaughtException', give('threw'))
  process.on('unhandledRejection', give('threw'))
  tell({ kind: 'ready' })
    .then(() => attempt(order, tell))
    .then(() => disconnect?.(), give('threw'))
})

async function attempt(
  { url, manifest }: SmokeOrder,
  tell: (message: Without<SmokeMessage, 'word'>) => Promise<void>,
): Promise<void> {
  // Opened by whoever writes first, and no leak then.
  void [process.stdout, process.stderr]
  const before = process.getActiveResourcesInfo()
  const timers = countTimers()
  const module = (await import(url)) as { plugin?: unknown }
  await turn()
  // One that is over by the end of the trial has run in the server too.
  const at_import = timers.alive()
  try {
    const { definition, ...brought } = readDefinition(module.plugin)
    for (const { cron } of Object.values(definition.tasks ?? {})) checkCron(cron)
    const { app, routes, faults } = await registerRoutes(manifest, definition)
    if (faults.length > 0) throw new Unfit(faults.join('; '))
    await tell({ kind: 'report', report: { ...brought, routes } })
    await app.close()
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    return tell({ kind: 'invalid', reason: error.message }).then(() => exit(1))
  }
  timers.stop()
  await turn()
  const handles = await settled(before)
  const lasting = Math.max(at_import, timers.alive(), handles.filter((kind) => kind === TIMER).length)
  const resources = [...handles.filter((kind) => kind !== TIMER), ...Array<string>(lasting).fill(TIMER)]
  await tell({ kind: 'left', resources: resources.slice(0, RESOURCES_MAX) })
}

const TIMER = 'Timeout'
const RESOURCES_MAX = 100

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** What is open that was not: what closes at once, a few turns later, has done so. */
async function settled(before: readonly string[]): Promise<string[]> {
  let left = added(before, process.getActiveResourcesInfo())
  for (let turns = 0; turns < 10 && left.length > 0; turns += 1) {
    await turn()
    left = added(before, process.getActiveResourcesInfo())
  }
  return left
}

function checkCron(cron: string): void {
  try {
    new Cron(cron, { paused: true }).stop()
  } catch (error) {
    throw new Unfit(`cron ${JSON.stringify(cron)}: ${textOf(error)}`)
  }
}

function added(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...before]
  return after.filter((kind) => {
    const index = rest.indexOf(kind)
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 1000)
}
