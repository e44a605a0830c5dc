import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '#backend/core/app'
import { createGenerations, type Generation } from '#backend/core/generation'
import type { Host } from '#backend/core/host'
import type { Handle } from '#backend/core/http-server'
import { answerOutOfService } from '#backend/core/plugin/out-of-service'
import type { PluginSet } from '#backend/core/plugin/parts'
import { createProcessRegistry } from '#backend/core/plugin/process-registry'
import { assemble, readSet, type StoredSet } from '#backend/core/plugin/set-store'
import { createTasks } from '#backend/core/plugin/tasks'
import { errorText } from '#backend/utils/error-text'

declare module '#backend/core/events' {
  interface EventPayloads {
    /** The set of plugins has another number. */
    'plugins.changed': { version: number }
  }
}

/** What serves on this process, and follows every change of the set of plugins. */
export interface PluginRuntime {
  readonly handle: Handle
  readonly current: () => Generation
  /** Whether this process may answer: it is not behind the others, and nobody counts on its being away. */
  readonly mayServe: () => boolean
  /** Builds what would serve a set that is not committed yet. */
  prepare(stored: StoredSet): Promise<Prepared>
  /** Resolves when this process serves the newest set, or cannot. */
  catchUp(): Promise<void>
  /** Serves nothing any more; requests under way have been answered before. */
  stop(): Promise<void>
}

export interface Prepared {
  /** The set is committed: this is what serves it. */
  adopt(): void
  /** It is not. */
  discard(): Promise<void>
}

export type BuildGeneration = (set: PluginSet) => Promise<App>

const LIVENESS = '/healthz'
/** Changes of the set, of which one may wait for the requests of sets before it. */
const isWaiting = ({ url = '' }: IncomingMessage) => /^\/api\/v1\/sys\/plugins(?=[/?]|$)/.test(url)
const START_LIMIT_MS = 60_000
const RETRY_MS = 3_000

/** Starts to serve the set as it is, and returns once this process counts among those that serve. */
export async function startRuntime(host: Host, build: BuildGeneration): Promise<PluginRuntime> {
  const { log, database } = host
  const generations = createGenerations({ build, log, isWaiting, onQuiet: () => announce() })
  let prepared: Generation | undefined
  let stopped = false
  let served: number | null = null
  let failed: { version: number; reason: string; at: number } | undefined
  const registry = createProcessRegistry({
    connect: () => host.openConnection(),
    log,
    report: () => ({ set_version: served, oldest_set_version: oldest(), set_error: failed?.reason ?? null }),
    onNewest: (version) => {
      if (version !== served) void follow()
    },
  })
  const tasks = createTasks({
    host,
    process_id: registry.process_id,
    mayRun: registry.mayServe,
    onOldEnded: () => announce(),
  })

  const oldest = () => {
    const versions = [generations.oldest(), tasks.oldest()].filter((version) => version !== null)
    return versions.length === 0 ? null : Math.min(...versions)
  }

  /** Somebody may be waiting for what is under way to end; if this fails, the next look says it. */
  function announce(): void {
    if (!stopped) void registry.look().catch(() => undefined)
  }

  async function generationOf(stored: StoredSet): Promise<Generation> {
    const ready = prepared
    prepared = undefined
    if (ready?.set.version === stored.version) return ready
    await ready?.app.close()
    return generations.build(await assemble(stored, host.code.find))
  }

  /** The swap is one assignment: a request is answered by the one set or by the other. */
  function use(generation: Generation): void {
    generations.swap(generation)
    host.useSet(generation.set)
    tasks.use(generation.set)
    served = generation.set.version
    failed = undefined
  }

  async function advance(): Promise<void> {
    if (stopped) return
    const stored = await readSet(database.db)
    if (stored.version === served) return
    if (failed?.version === stored.version && performance.now() - failed.at < RETRY_MS) return
    try {
      use(await generationOf(stored))
      log.info({ set: stored.version }, 'the set of plugins has changed')
    } catch (error) {
      failed = { version: stored.version, reason: errorText(error).slice(0, 1000), at: performance.now() }
      log.error({ err: error, set: stored.version }, 'the newest set of plugins cannot be served')
    }
    await registry.look()
  }

  let advancing: Promise<void> = Promise.resolve()
  const catchUp = () => {
    advancing = advancing.then(advance, advance)
    return advancing
  }
  const follow = () =>
    catchUp().catch((error: unknown) =>
      log.warn({ err: error }, 'a change of the set of plugins waits for the database'),
    )

  const { events } = host.shared
  const unsubscribe = [
    // Whoever made the change catches up by itself, with what it has prepared.
    events.on('plugins.changed', (_, { own }) => void (own || follow())),
    events.onGap(() => void follow()),
  ]

  async function stop(): Promise<void> {
    stopped = true
    for (const off of unsubscribe) off()
    // A set that is being taken up has tasks of its own.
    await advancing.catch(() => undefined)
    await tasks.stop()
    await registry.stop()
    await prepared?.app.close()
    await generations.close()
  }

  /** Known to the others first, so that a change made meanwhile is either waited for or seen. */
  async function begin(): Promise<void> {
    await registry.look()
    use(await generationOf(await readSet(database.db)))
    const deadline = performance.now() + START_LIMIT_MS
    for (await registry.look(); !registry.mayServe(); await sleep(20)) {
      if ((await registry.look()) !== served) await catchUp()
      if (performance.now() > deadline) throw new Error(failed?.reason ?? 'the set of plugins changes all the time')
    }
    registry.start()
  }

  try {
    await begin()
  } catch (error) {
    await stop()
    throw error
  }
  const runtime: PluginRuntime = {
    current: generations.current,
    mayServe: registry.mayServe,
    catchUp,
    stop,
    handle(request, response) {
      if (registry.mayServe() || request.url === LIVENESS) return generations.handle(request, response)
      void answerOutOfService(host, request, response)
    },
    async prepare(stored) {
      const generation = await generations.build(await assemble(stored, host.code.find))
      return {
        adopt: () => {
          // What another change has prepared serves nothing any more: the set is past it.
          void prepared?.app.close()
          prepared = generation
        },
        discard: () => generation.app.close(),
      }
    },
  }
  host.runtime = runtime
  return runtime
}
