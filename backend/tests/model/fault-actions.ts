import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '#backend/tests/model/cluster'
import { take } from '#backend/tests/model/pick'
import type { Draw, Turn } from '#backend/tests/model/turn'

/** What befalls the stores; nobody's standing changes by it. */
export interface Fault {
  name: string
  weight: number
  /** For how many actions at most it lasts. */
  lasts: number
  run: (turn: Turn) => Promise<void>
}

export const faults: readonly Fault[] = [
  { name: 'killRedis', weight: 3, lasts: 5, run: ({ cluster }) => cluster.redis.kill() },
  { name: 'pauseRedis', weight: 1, lasts: 2, run: async ({ cluster }) => cluster.redis.pause() },
  {
    name: 'cutLink',
    weight: 5,
    lasts: 5,
    run: async ({ cluster, on }) => {
      cluster.redis.counts.cuts += 1
      take(cluster.links, on).cut()
    },
  },
  { name: 'endListening', weight: 2, lasts: 0, run: endListening },
]

/** Breaks the connections over which the processes hear of changes. */
async function endListening({ cluster }: Turn): Promise<void> {
  await cluster.database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like 'listen "fba_events"%'`
}

/** While one process is cut off, every action is its own: that is where a change could get lost. */
export function steer({ links }: Cluster, draw: Draw): Draw {
  const cut = links.findIndex((link) => link.isCut())
  return cut >= 0 ? { ...draw, on: cut } : draw
}

/** Kills Redis a moment after something else has begun, and brings it back. */
export async function killDuring({ cluster, delay_ms }: Turn, work: () => Promise<unknown>): Promise<void> {
  const working = work()
  const killing = sleep(delay_ms).then(() => cluster.redis.kill())
  const [outcome] = await Promise.allSettled([working, killing])
  await cluster.redis.start()
  if (outcome.status === 'rejected') throw outcome.reason
}
