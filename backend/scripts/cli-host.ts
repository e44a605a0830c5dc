import { pino } from 'pino'
import pretty from 'pino-pretty'
import { type Config, readConfig } from '#backend/core/config'
import { createHost, type Host, type HostOptions } from '#backend/core/host'
import { stopSignal } from '#backend/scripts/signals'
import { APPS } from '#backend/server'

/** What a command runs on: the same database, embedded or not, that a server of this configuration uses. */
export async function withHost<T>(
  work: (host: Host) => Promise<T>,
  config: Config = readConfig(),
  options: Pick<HostOptions, 'without_plugin'> = {},
): Promise<T> {
  // To the error stream: the output of a command is its answer alone.
  const log = pino({ level: 'warn' }, pretty({ destination: 2, sync: true, ignore: 'pid,hostname,time' }))
  const host = await createHost(config, { apps: APPS, log, role: 'cli', ...options })
  void stopSignal().then(async () => {
    await host.close()
    process.exit(130)
  })
  try {
    return await work(host)
  } finally {
    await host.close()
  }
}
