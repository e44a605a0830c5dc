import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, pino, type TransportTargetOptions } from 'pino'
import type { Config } from '#backend/core/config'

export type { Logger }
/** What a service may do with a log: write lines. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** Values that never reach a log line, wherever an object carries them. */
const SECRET_PATHS = ['password', 'authorization', 'cookie', 'token', 'secret'].flatMap((name) => [name, `*.${name}`])

/** Pretty lines in development, JSON in production, and rotated files (daily, 50 MB, 30 kept) when LOG_DIR is set. */
export function createLogger(config: Config): Logger {
  const options = { level: config.LOG_LEVEL, redact: { paths: SECRET_PATHS, censor: '[REDACTED]' } }
  if (config.LOG_LEVEL === 'silent') return pino(options)
  const json = config.NODE_ENV === 'production'
  // Without a second target the lines need no worker thread, which costs more than writing them.
  if (json && config.LOG_DIR === undefined) return pino(options, pino.destination(1))
  const console = json ? consoleJson() : consolePretty()
  const targets = config.LOG_DIR === undefined ? [console] : [console, rotatedFile(config.LOG_DIR)]
  const transport = pino.transport({
    targets: targets.map((target) => ({ ...target, level: config.LOG_LEVEL })),
  })
  return pino(options, transport)
}

const consoleJson = (): TransportTargetOptions => ({ target: 'pino/file', options: { destination: 1 } })

const consolePretty = (): TransportTargetOptions => ({
  target: 'pino-pretty',
  options: { translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true },
})

function rotatedFile(folder: string): TransportTargetOptions {
  mkdirSync(folder, { recursive: true })
  return {
    target: 'pino-roll',
    options: {
      file: join(folder, 'fba'),
      extension: '.log',
      frequency: 'daily',
      dateFormat: 'yyyy-MM-dd',
      size: '50m',
      limit: { count: 30 },
    },
  }
}
