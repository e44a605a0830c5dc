import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './repository.js'

export interface Instruction {
  word: string
  rest: string
}

export interface Stage {
  /** `FROM ... AS name`; the last has none */
  name: string | undefined
  image: string
  instructions: Instruction[]
}

/** The stages of the Dockerfile, comments gone and continued lines joined. */
export function readStages(): Stage[] {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
  const stages: Stage[] = []
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? []
    if (word === 'FROM') {
      const [, image = '', name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? []
      stages.push({ name, image, instructions: [] })
    } else stages.at(-1)?.instructions.push({ word, rest })
  }
  return stages
}

/** What the last instruction of this name says. */
export function lastOf(stage: Stage, word: string): string {
  return stage.instructions.findLast((one) => one.word === word)?.rest ?? ''
}

/** A command in exec form, as of CMD and HEALTHCHECK. */
export function execForm(rest: string): string[] {
  return JSON.parse(rest.slice(rest.indexOf('['))) as string[]
}

export interface CopyStep {
  from: string | undefined
  sources: string[]
  target: string
}

export function copySteps({ instructions }: Stage): CopyStep[] {
  return instructions
    .filter(({ word }) => word === 'COPY')
    .map(({ rest }) => {
      const words = rest.split(/\s+/)
      const from = words[0]?.startsWith('--from=') === true ? words.shift()?.slice('--from='.length) : undefined
      return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' }
    })
}

export function environmentOf({ instructions }: Stage): Record<string, string> {
  const pairs = instructions.filter(({ word }) => word === 'ENV').flatMap(({ rest }) => rest.split(/\s+/))
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

/** Whether `docker build` sends a file: of the lines of .dockerignore that match it, or a folder it is in, the last decides. */
export function isSent(path: string): boolean {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
  const parts = path.split('/')
  const folders = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  let sent = true
  for (const line of lines.filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
    const pattern = patternOf(line.replace(/^!/, ''))
    if (folders.some((one) => pattern.test(one))) sent = line.startsWith('!')
  }
  return sent
}

/** `*` within a name, `**` for any number of folders. */
function patternOf(line: string): RegExp {
  const source = line
    .replace(/[.+^$()|[\]\\{}]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*|\?/g, (wild) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' })[wild] ?? '')
  return new RegExp(`^${source}$`)
}

export const exists = (path: string) => existsSync(join(ROOT, path))
