import { expect, test } from 'vitest'
import { sourcesBelow } from '#backend/tests/scoped-source'

const SESSIONS = 'the record of the request says who signs in or out, and the login log how it went'
const LOGS = 'what is removed from a log leaves a tombstone'

/** Exported functions of services that write, and whose rows the operation log does not show, each with why. */
const UNTRACKED: Readonly<Record<string, string>> = {
  'audit-removal.service/removeNoted': LOGS,
  'log-tombstone.service/record': LOGS,
  'auth.service/login': SESSIONS,
  'auth.service/loginForDocs': SESSIONS,
  'login-log.service/clear': LOGS,
  'login-log.service/record': SESSIONS,
  'login-log.service/remove': LOGS,
  'session.service/end': SESSIONS,
  'session.service/endOfUser': SESSIONS,
  'session.service/open': SESSIONS,
  'session.service/rotate': SESSIONS,
}

const WRITES = /\b\w*[cC]rud\.(insert|update|remove|replace|set|clear|end|rotate|mark)\w*\(/
const TRACKS = /\b(changing|created)\(/

interface Part {
  name: string
  exported: boolean
  body: string
}

/** The functions of a service, each with the text of those of its own file that it calls. */
function functionsOf({ path, text }: { path: string; text: string }): { name: string; body: string }[] {
  const file = path.replace(/^.*\/|\.ts$/g, '')
  const parts = text.split(/^(?=(?:export )?(?:async )?function )/m).slice(1)
  const all = parts.map((body): Part => {
    const [, name = ''] = /^(?:export )?(?:async )?function (\w+)/.exec(body) ?? []
    return { name, exported: body.startsWith('export'), body }
  })
  const whole = (part: Part, seen: ReadonlySet<string> = new Set()): string => {
    const called = all.filter(
      ({ name }) => !seen.has(name) && new RegExp(`\\b${name}\\(`).test(part.body.slice(part.body.indexOf('{'))),
    )
    const known = new Set([...seen, part.name, ...called.map(({ name }) => name)])
    return [part.body, ...called.map((one) => whole(one, known))].join('\n')
  }
  return all.filter(({ exported }) => exported).map((part) => ({ name: `${file}/${part.name}`, body: whole(part) }))
}

test('every service function that writes rows shows the operation log which, unless there is a reason', () => {
  const writers = sourcesBelow(/\/service\/[^/]+\.service\.ts$/)
    .flatMap(functionsOf)
    .filter(({ body }) => WRITES.test(body))
  expect(writers.length).toBeGreaterThan(30)
  const silent = writers.filter(({ body }) => !TRACKS.test(body)).map(({ name }) => name)
  expect(silent.sort()).toEqual(Object.keys(UNTRACKED).sort())
})
