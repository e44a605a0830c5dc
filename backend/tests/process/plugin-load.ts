import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { keptConnection, type PluginCluster, type SendOptions, send } from '#backend/tests/process/plugin-cluster'

/** What the plugin's route answers when its plugin is in use and when not. */
export const STATUS_OF = { on: 200, off: 404 } as const
export type Standing = keyof typeof STATUS_OF
export const PLUGIN_PATH = '/addon/answers/42'

/** What the requests of a test have to say: how many there were, and each that was wrong. */
export interface Load {
  readonly counts: { core: number; written: number; plugin: number; judged: number }
  readonly faults: string[]
  /** A change is under way: what the plugin's route answers is open. */
  changing(): void
  /** The change is answered: from now on nothing else may come. */
  settled(standing: Standing): void
  stop(): Promise<void>
}

const CORE: readonly [string, SendOptions][] = [
  ['/sys/users/me', {}],
  ['/sys/depts', {}],
  ['/sys/menus/sidebar', {}],
  ['/sys/users?page=1&size=10', {}],
]

const WRITE_PAUSE_MS = 100

/** The life of a user, whose every step runs the hooks of the plugins in use. */
const WRITES: readonly ((user: { username: string; id: number }) => [string, SendOptions])[] = [
  ({ username }) => {
    const body = { username, nickname: username, password: 'Load-123456', dept_id: 1, roles: [1] }
    return ['/sys/users', { method: 'POST', body: JSON.stringify(body) }]
  },
  ({ username, id }) => {
    const body = { username, nickname: 'changed', dept_id: 1, roles: [1] }
    return [`/sys/users/${id}`, { method: 'PUT', body: JSON.stringify(body) }]
  },
  ({ id }) => [`/sys/users/${id}`, { method: 'DELETE' }],
]

/** Keeps asking every process, for routes of the core and for the plugin's, over connections that stay open. */
export function startLoad({ servers, token }: Pick<PluginCluster, 'servers' | 'token'>): Load {
  const counts = { core: 0, written: 0, plugin: 0, judged: 0 }
  const faults: string[] = []
  let standing: Standing | undefined
  let change = 0
  let running = true

  async function askCore(url: string): Promise<void> {
    const agent = keptConnection()
    for (let turn = 0; running; turn += 1) {
      const [path, options] = CORE[turn % CORE.length] ?? ['/sys/users/me', {}]
      const { status } = await send(url, path, { ...options, token, agent })
      counts.core += 1
      if (status < 200 || status > 299) faults.push(`${url}${path}: ${status}`)
    }
    agent.destroy()
  }

  async function writeCore(url: string): Promise<void> {
    const agent = keptConnection()
    while (running) {
      const user = { username: `load_${randomBytes(6).toString('hex')}`, id: 0 }
      for (const write of WRITES) {
        const [path, options] = write(user)
        const { status, text } = await send(url, path, { ...options, token, agent })
        counts.written += 1
        if (status !== 200) {
          faults.push(`${options.method} ${url}${path}: ${status} ${text}`)
          break
        }
        if (user.id === 0) user.id = (JSON.parse(text) as { data: { id: number } }).data.id
        await sleep(WRITE_PAUSE_MS)
      }
    }
    agent.destroy()
  }

  async function askPlugin(url: string): Promise<void> {
    const agent = keptConnection()
    while (running) {
      const [wanted, began] = [standing, change]
      const { status, text } = await send(url, PLUGIN_PATH, { agent })
      counts.plugin += 1
      if (!Object.values<number>(STATUS_OF).includes(status)) faults.push(`${url}: ${status}`)
      // One that a change has overtaken may have either answer.
      if (wanted === undefined || began !== change) continue
      counts.judged += 1
      if (status !== STATUS_OF[wanted]) faults.push(`${url}: ${status} although ${wanted} was acknowledged: ${text}`)
    }
    agent.destroy()
  }

  const guarded = (work: Promise<void>) => work.catch((error: unknown) => void faults.push(String(error)))
  const loops = servers.flatMap(({ url }) => [askCore, writeCore, askPlugin].map((loop) => guarded(loop(url))))
  return {
    counts,
    faults,
    changing() {
      change += 1
      standing = undefined
    },
    settled(now) {
      standing = now
    },
    async stop() {
      running = false
      await Promise.all(loops)
    },
  }
}
