import { setTimeout as sleep } from 'node:timers/promises'
import { locateNativeFiles, usableNativeDir } from '#backend/database/embedded-postgres/binaries'
import { ensureCluster, type Runner, spawnServer } from '#backend/database/embedded-postgres/cluster'
import { type Layout, recordedPort, writePrivate } from '#backend/database/embedded-postgres/layout'
import { choosePort } from '#backend/database/embedded-postgres/port'
import { probe } from '#backend/database/embedded-postgres/probe'
import { findRunning } from '#backend/database/embedded-postgres/running'
import { serverUser } from '#backend/database/embedded-postgres/server-user'

export interface Log {
  info(obj: object, msg?: string): void
  warn(obj: object, msg?: string): void
}

export interface LaunchOptions {
  layout: Layout
  password: string
  settings: Record<string, string>
  log: Log
}

export interface Launched {
  port: number
  adopted: boolean
}

/** Long enough to recover from a crash in the middle of heavy writing. */
export const START_MS = 120_000
const POLL_MS = 20
/**
 * Reasons that pass: a server that we did not know of is starting; the sessions of a killed server are still ending;
 * somebody took the port.
 */
const PASSING = /lock file .* already exists|shared memory block|could not create any TCP\/IP sockets/

/** Finds the server that runs on this cluster, or starts one. Call under the start lock. */
export async function launch({ layout, password, settings, log }: LaunchOptions): Promise<Launched> {
  const deadline = Date.now() + START_MS
  const user = serverUser(layout.cluster_dir)
  let runner: Runner | undefined
  let retries = 0
  for (;;) {
    const running_port = await findRunning(layout, password, deadline, log)
    if (running_port) return { port: running_port, adopted: true }
    runner ??= { user, native_dir: await usableNativeDir(locateNativeFiles(), user, [layout.data_dir]) }
    await ensureCluster(layout, runner, password, settings.fsync !== 'off')
    const wanted_port = recordedPort(layout)
    const port = await choosePort(wanted_port)
    const server = await spawnServer(layout, runner, port, settings)
    const failure = await untilReady({ layout, password, port, deadline, server })
    if (failure === undefined) {
      if (port !== wanted_port) writePrivate(layout.port_file, String(port))
      return { port, adopted: false }
    }
    if (!PASSING.test(failure) || Date.now() > deadline) throw new Error(`PostgreSQL ended at once: ${failure}`)
    if (retries === 0) log.warn({ failure }, 'PostgreSQL cannot start yet, trying again')
    retries += 1
    await sleep(100)
  }
}

interface Waiting {
  layout: Layout
  password: string
  port: number
  deadline: number
  server: Awaited<ReturnType<typeof spawnServer>>
}

/** Why the server ended, or undefined when it answers. */
async function untilReady({ layout, password, port, deadline, server }: Waiting): Promise<string | undefined> {
  for (;;) {
    await sleep(POLL_MS)
    const failure = server.failure()
    if (failure !== undefined) return failure
    if ((await probe({ port, password }, layout.cluster_dir)) === 'ready') return undefined
    if (Date.now() > deadline) {
      process.kill(server.pid, 'SIGINT')
      throw new Error('PostgreSQL does not get ready')
    }
  }
}
