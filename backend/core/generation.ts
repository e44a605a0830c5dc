import type { IncomingMessage, ServerResponse } from 'node:http'
import type { App } from '#backend/core/app'
import type { Log } from '#backend/core/log'
import type { PluginSet } from '#backend/core/plugin/parts'

/** One instance of the application, built from one set of plugins. */
export interface Generation {
  readonly app: App
  readonly set: PluginSet
}

/** The instances of the application that follow each other on one process. */
export interface Generations {
  /** Throws before the first one serves. */
  readonly current: () => Generation
  /** Builds one and makes it ready; it serves nothing yet. What fails to build leaves nothing behind. */
  build(set: PluginSet): Promise<Generation>
  /** From now on every request goes to `next`; the one before is closed once it has answered what it was asked. */
  swap(next: Generation): void
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** The number of the oldest set that answers a request now; null: nothing is under way. */
  oldest(): number | null
  /** Resolves when nothing is open any more. */
  close(): Promise<void>
}

export interface GenerationsOptions {
  build: (set: PluginSet) => Promise<App>
  log: Log
  /** How long an old instance is kept for requests that do not end; they go on after that, without its resources. */
  drain_ms?: number
  /** Of requests that wait for older sets themselves, nobody waits for the end. */
  isWaiting?: (request: IncomingMessage) => boolean
  /** Called each time an old instance answers nothing any more that somebody may wait for. */
  onQuiet?: () => void
}

const DRAIN_MS = 10 * 60_000

interface Serving extends Generation {
  in_flight: number
  /** Those among them whose end somebody may wait for. */
  awaited: number
  onIdle: (() => void) | undefined
}

export function createGenerations(options: GenerationsOptions): Generations {
  const { build, log, drain_ms = DRAIN_MS, isWaiting = () => false, onQuiet = () => {} } = options
  let serving: Serving | undefined
  const retiring = new Set<Serving>()
  const closing = new Set<Promise<void>>()
  let hurry = false
  const hurried = new Set<() => void>()

  async function retire(old: Serving): Promise<void> {
    retiring.add(old)
    await drained(old)
    retiring.delete(old)
    await old.app.close()
    log.info({ set: old.set.version }, 'an earlier set of plugins is closed')
  }

  function drained(old: Serving): Promise<void> {
    if (old.in_flight === 0 || hurry) return Promise.resolve()
    return new Promise((resolve) => {
      const late = setTimeout(() => done(), drain_ms)
      late.unref()
      const done = () => {
        clearTimeout(late)
        hurried.delete(done)
        old.onIdle = undefined
        resolve()
      }
      old.onIdle = done
      hurried.add(done)
    })
  }

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => log.error({ err: error }, 'an earlier set of plugins was not closed properly'))
      .finally(() => closing.delete(tracked))
    closing.add(tracked)
  }

  return {
    current() {
      if (serving === undefined) throw new Error('no generation of the application serves yet')
      return serving
    },
    async build(set) {
      const app = await build(set)
      try {
        await app.ready()
      } catch (error) {
        await app.close()
        throw error
      }
      return { app, set }
    },
    swap({ app, set }) {
      const old = serving
      serving = { app, set, in_flight: 0, awaited: 0, onIdle: undefined }
      if (old !== undefined) track(retire(old))
    },
    handle(request, response) {
      const generation = serving
      if (generation === undefined) return void response.writeHead(503).end()
      const weight = isWaiting(request) ? 0 : 1
      generation.in_flight += 1
      generation.awaited += weight
      response.once('close', () => {
        generation.in_flight -= 1
        generation.awaited -= weight
        if (generation.awaited === 0 && generation !== serving) onQuiet()
        if (generation.in_flight === 0) generation.onIdle?.()
      })
      generation.app.routing(request, response)
    },
    oldest() {
      const all = serving === undefined ? retiring : [...retiring, serving]
      const busy = [...all].filter(({ awaited }) => awaited > 0)
      return busy.length === 0 ? null : Math.min(...busy.map(({ set }) => set.version))
    },
    async close() {
      hurry = true
      for (const done of hurried) done()
      const last = serving
      serving = undefined
      if (last !== undefined) track(last.app.close())
      await Promise.all(closing)
    },
  }
}
