import { parseArgs } from 'node:util'
import { benchAudit } from './audit.js'
import { benchHttp } from './http.js'
import { benchScope } from './scope.js'
import { benchSession } from './session.js'
import { benchStart } from './start.js'

const USAGE = `npm run bench -- <name> [options]

  start   from the start of the built program to its first answer, on the embedded default
  http    requests per second against a bare server that does the same queries
            --rounds <n>        of each, alternating (4)
            --seconds <n>       per round (4)
            --connections <n>   (32)
            --embedded          on the embedded PostgreSQL, also where a server answers
  session from the end of a session on one process to its refusal on another, and what asking for it costs
            --rounds, --seconds, --connections as above
  audit   requests per second with the operation log against the same server without it
            --rounds, --seconds, --connections as above; a round is four short ones
  scope   a page filtered by row permissions against the same query with its condition written by hand, on 1,000,000 rows
            --rounds <n>        of each, alternating (4 times 25)

http uses a database of its own on the server of DATABASE_URL, or of postgres://postgres@127.0.0.1:5432/postgres where that
answers, or else the embedded PostgreSQL.`

const OPTIONS = {
  rounds: { type: 'string', default: '4' },
  seconds: { type: 'string', default: '4' },
  connections: { type: 'string', default: '32' },
  embedded: { type: 'boolean', default: false },
} as const

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const [name] = positionals
  if (name === 'start') return benchStart()
  if (name === 'http')
    return benchHttp({
      rounds: positive(values.rounds),
      seconds: positive(values.seconds),
      connections: positive(values.connections),
      embedded: values.embedded,
    })
  if (name === 'session')
    return benchSession({
      rounds: positive(values.rounds),
      seconds: positive(values.seconds),
      connections: positive(values.connections),
    })
  if (name === 'audit')
    return benchAudit({
      rounds: 4 * positive(values.rounds),
      seconds: positive(values.seconds) / 4,
      connections: positive(values.connections),
    })
  if (name === 'scope') return benchScope({ rounds: 25 * positive(values.rounds) })
  throw new Error(USAGE)
}

function positive(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`${text} is no positive whole number\n\n${USAGE}`)
  return number
}

try {
  await run()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
