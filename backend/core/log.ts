import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DestinationStream, type Logger, pino, stdSerializers, type TransportTargetOptions } from 'pino'
import type { Config } from '#backend/core/config'

export type { Logger }
/** What a service may do with a log: write lines. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** Values that never reach a log line, wherever an object carries them. */
const SECRET_PATHS = ['password', 'authorization', 'cookie', 'token', 'secret'].flatMap((name) => [name, `*.${name}`])

/** To the destination; without one pretty lines in development, JSON in production, and rotated files (daily, 50 MB, 30 kept) when LOG_DIR is set. */
export function createLogger(config: Config, destination?: DestinationStream): Logger {
  const options = {
    level: config.LOG_LEVEL,
    redact: { paths: SECRET_PATHS, censor: '[REDACTED]' },
    serializers: { err: describeError },
  }
  if (destination !== undefined) return pino(options, destination)
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

/** As pino does, without the values of a failed query: they may be anybody's, and are in no message of PostgreSQL's own. */
export function describeError(error: Error): unknown {
  if (!(error instanceof Error)) return error
  const { message, stack, ...facts } = stdSerializers.err(error)
  const text = (whole: unknown) => (typeof whole === 'string' ? whole.replace(VALUES, '') : whole)
  return {
    ...Object.fromEntries(Object.entries(facts).filter(([name]) => !CARRIES_VALUES.has(name))),
    message: text(message),
    stack: text(stack),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  }
}

const VALUES = /\nparams: [\s\S]*?(?=\n {4}at |$)/g
const CARRIES_VALUES: ReadonlySet<string> = new Set(['cause', 'params', 'parameters', 'args', 'detail', 'where'])

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
