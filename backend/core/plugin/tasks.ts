import { Cron } from 'croner'
import { and, eq, lt } from 'drizzle-orm'
import { type Host, systemCtx } from '#backend/core/host'
import type { PluginTask } from '#backend/core/plugin/definition'
import type { LoadedPlugin } from '#backend/core/plugin/loaded'
import { pluginTaskSlot } from '#backend/core/plugin/model/plugin-task-slot.model'
import type { PluginSet } from '#backend/core/plugin/parts'
import { environmentOf } from '#backend/core/plugin/routes'

/** The timers of this process for the tasks of the plugins in use. */
export interface Tasks {
  /** From now on those of this set, and no others. */
  use(set: PluginSet): void
  /** The number of the oldest set of which a task runs still; null: none runs. */
  oldest(): number | null
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>
}

export interface TasksOptions {
  host: Host
  process_id: string
  /** Whether this process may run anything: one that has missed a change may not. */
  mayRun: () => boolean
  /** Called each time a task of an older set has ended. */
  onOldEnded?: () => void
}

/** Timers of Node hold 2^31 ms; a task that is due later is looked at again meanwhile. */
const WAIT_MAX_MS = 24 * 3_600_000
const KEEP_SLOTS_MS = 24 * 3_600_000

export function createTasks({ host, process_id, mayRun, onOldEnded = () => {} }: TasksOptions): Tasks {
  const timers = new Map<string, { plugin: LoadedPlugin; stop: () => void }>()
  const running = new Map<Promise<void>, number>()
  let set_version = 0

  function schedule(name: string, task: PluginTask, plugin: LoadedPlugin): () => void {
    const cron = new Cron(task.cron, { timezone: host.config.DATETIME_TIMEZONE, paused: true })
    let timer: NodeJS.Timeout | undefined
    let stopped = false
    const mayRunNow = () => !stopped && mayRun()
    const wait = (after: Date) => {
      const due = cron.nextRun(after)
      if (due !== null) waitFor(due)
    }
    const waitFor = (due: Date) => {
      const left = due.getTime() - Date.now()
      timer = setTimeout(
        () => {
          if (left > WAIT_MAX_MS) return waitFor(due)
          wait(due)
          track(runOnce(host, { name, task, plugin, due, process_id, mayRun: mayRunNow }))
        },
        Math.min(Math.max(left, 0), WAIT_MAX_MS),
      )
      timer.unref()
    }
    wait(new Date())
    return () => {
      stopped = true
      clearTimeout(timer)
      cron.stop()
    }
  }

  function track(work: Promise<void>): void {
    const version = set_version
    const tracked = work.finally(() => {
      running.delete(tracked)
      if (version < set_version) onOldEnded()
    })
    running.set(tracked, version)
  }

  return {
    use({ enabled, version }) {
      set_version = version
      // A timer that goes on misses nothing while the set changes around it.
      for (const [name, { plugin, stop }] of timers)
        if (!enabled.includes(plugin)) {
          stop()
          timers.delete(name)
        }
      for (const plugin of enabled)
        for (const [key, task] of Object.entries(plugin.definition.tasks ?? {})) {
          const name = `${plugin.manifest.name}.${key}`
          if (!timers.has(name)) timers.set(name, { plugin, stop: schedule(name, task, plugin) })
        }
    },
    oldest: () => (running.size === 0 ? null : Math.min(...running.values())),
    async stop() {
      for (const { stop } of timers.values()) stop()
      timers.clear()
      await Promise.all(running.keys())
    },
  }
}

interface Due {
  name: string
  task: PluginTask
  plugin: LoadedPlugin
  due: Date
  process_id: string
  mayRun: () => boolean
}

/** Of all processes the one that enters the time runs the task. A task that fails is logged, and due again next time. */
async function runOnce(host: Host, { name, task, plugin, due, process_id, mayRun }: Due): Promise<void> {
  const { db } = host.database
  try {
    if (!mayRun()) return
    const slot = { task: name, due_time: due, process_id }
    const entered = await db.insert(pluginTaskSlot).values(slot).onConflictDoNothing().returning()
    // Asked again: the set may have changed while the database was waited for.
    if (entered.length === 0 || !mayRun()) return
    await task.run(systemCtx(host), environmentOf(host.config, plugin))
    const old = new Date(due.getTime() - KEEP_SLOTS_MS)
    await db.delete(pluginTaskSlot).where(and(eq(pluginTaskSlot.task, name), lt(pluginTaskSlot.due_time, old)))
  } catch (error) {
    host.log.error({ err: error, task: name }, 'a task of a plugin failed')
  }
}
