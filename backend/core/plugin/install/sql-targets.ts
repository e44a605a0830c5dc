import { type SqlToken, sqlTokens } from '#backend/database/sql-statements'

/** What a statement of a migration does, as far as its words tell. */
export interface SqlTargets {
  /** Tables that it makes, removes, or changes in shape or rows. */
  readonly touched: readonly string[]
  readonly created: readonly string[]
  readonly dropped: readonly string[]
  /** Indexes that it makes; and those that it names to remove or change. */
  readonly indexes_created: readonly string[]
  readonly indexes_touched: readonly string[]
  /** Tables that foreign keys point at whose rows then cannot be deleted: neither `on delete cascade` nor `set null`. */
  readonly held: readonly string[]
}

const NOTHING: SqlTargets = {
  touched: [],
  created: [],
  dropped: [],
  indexes_created: [],
  indexes_touched: [],
  held: [],
}

/** Ways to reach another table that no list of targets shows. */
const REACHES =
  /\b(inherits?|partition of|attach partition|set schema|temp|temporary|execute|language|owner to|set role|set session)\b/

/**
 * The tables that a statement touches, or undefined for one that a plugin's migrations may not hold: whatever is not
 * plain definition or change of tables, and whatever this cannot read.
 */
export function sqlTargets(statement: string): SqlTargets | undefined {
  const tokens = sqlTokens(statement)
  const words = tokens.map(({ kind, text }) => (kind === 'word' ? text.toLowerCase() : text))
  if (REACHES.test(plainWords(tokens))) return undefined
  const own = ownTargets(new Reader(words))
  if (own === undefined) return undefined
  const inner = innerTargets(words)
  const held = heldTables(words)
  if (inner === undefined || held === undefined) return undefined
  return { ...own, touched: [...own.touched, ...inner], held }
}

const plainWords = (tokens: readonly SqlToken[]) =>
  tokens.map(({ kind, text }) => (kind === 'word' ? text.toLowerCase() : '.')).join(' ')

class Unreadable extends Error {}

/** Goes through the words of a statement from the left. */
class Reader {
  constructor(
    private readonly words: readonly string[],
    private at = 0,
  ) {}

  /** Steps over these words where they are next. */
  skip(...expected: string[]): boolean {
    if (!expected.every((word, index) => this.words[this.at + index] === word)) return false
    this.at += expected.length
    return true
  }

  /** Reads a name, of which only the schema `public` may be said. */
  name(): string {
    this.skip('public', '.')
    const name = unquoted(this.words[this.at])
    this.at += 1
    if (name === undefined || this.words[this.at] === '.') throw new Unreadable()
    return name
  }

  /** Reads the table of `table.column`. */
  nameBeforeDot(): string {
    this.skip('public', '.')
    const name = unquoted(this.words[this.at])
    if (name === undefined || this.words[this.at + 1] !== '.') throw new Unreadable()
    return name
  }

  names(): string[] {
    const names = [this.name()]
    while (this.skip(',')) names.push(this.name())
    return names
  }

  /** Whether these words come anywhere later, and then steps behind them. */
  find(...expected: string[]): boolean {
    for (let at = this.at; at < this.words.length; at += 1) {
      const reader = new Reader(this.words, at)
      if (!reader.skip(...expected)) continue
      this.at = reader.at
      return true
    }
    return false
  }
}

function unquoted(word: string | undefined): string | undefined {
  if (word === undefined) return undefined
  if (/^"(?:[^"]|"")+"$/.test(word)) return word.slice(1, -1).replaceAll('""', '"')
  return /^[\p{L}_][\p{L}\p{N}_$]*$/u.test(word) ? word : undefined
}

/** Of what the statement itself does. */
function ownTargets(reader: Reader): SqlTargets | undefined {
  try {
    if (reader.skip('create')) return created(reader)
    if (reader.skip('alter')) return altered(reader)
    if (reader.skip('drop')) return dropped(reader)
    if (reader.skip('comment', 'on')) return commented(reader)
    const changes = [['insert'], ['update'], ['delete'], ['truncate']].some((words) => reader.skip(...words))
    return changes ? NOTHING : undefined
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}

function created(reader: Reader): SqlTargets | undefined {
  reader.skip('unlogged')
  if (reader.skip('table')) {
    reader.skip('if', 'not', 'exists')
    const name = reader.name()
    return { ...NOTHING, touched: [name], created: [name] }
  }
  reader.skip('unique')
  if (!reader.skip('index')) return undefined
  reader.skip('if', 'not', 'exists')
  const index = reader.skip('on') ? undefined : reader.name()
  if (index !== undefined && !reader.skip('on')) return undefined
  reader.skip('only')
  return { ...NOTHING, touched: [reader.name()], indexes_created: index === undefined ? [] : [index] }
}

function altered(reader: Reader): SqlTargets | undefined {
  const isIndex = reader.skip('index')
  if (!isIndex && !reader.skip('table')) return undefined
  reader.skip('if', 'exists')
  reader.skip('only')
  const name = reader.name()
  const renamed = reader.skip('rename', 'to') ? [reader.name()] : []
  if (isIndex) return { ...NOTHING, indexes_touched: [name], indexes_created: renamed }
  const moved = renamed.length > 0 ? { created: renamed, dropped: [name] } : {}
  return { ...NOTHING, touched: [name, ...renamed], ...moved }
}

function dropped(reader: Reader): SqlTargets | undefined {
  const isIndex = reader.skip('index')
  if (!isIndex && !reader.skip('table')) return undefined
  reader.skip('if', 'exists')
  const names = reader.names()
  // It takes along what others built on it.
  if (reader.find('cascade')) return undefined
  return isIndex ? { ...NOTHING, indexes_touched: names } : { ...NOTHING, touched: names, dropped: names }
}

function commented(reader: Reader): SqlTargets | undefined {
  if (reader.skip('table')) return { ...NOTHING, touched: [reader.name()] }
  return reader.skip('column') ? { ...NOTHING, touched: [reader.nameBeforeDot()] } : undefined
}

/** Of changes of rows, wherever they stand: a query can hold one. Undefined where a target cannot be read. */
function innerTargets(words: readonly string[]): string[] | undefined {
  const touched: string[] = []
  try {
    for (const [at, word] of words.entries()) {
      const reader = new Reader(words, at + 1)
      const before = words[at - 1]
      if ((word === 'insert' && reader.skip('into')) || (word === 'delete' && reader.skip('from'))) {
        reader.skip('only')
        touched.push(reader.name())
      } else if (word === 'update' && before !== 'on' && before !== 'for' && before !== 'do' && before !== 'key') {
        reader.skip('only')
        touched.push(reader.name())
      } else if (word === 'truncate') {
        reader.skip('table')
        reader.skip('only')
        touched.push(...reader.names())
      }
    }
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
  return touched
}

/** Of foreign keys, of a column or of a table. Undefined where a target cannot be read. */
function heldTables(words: readonly string[]): string[] | undefined {
  const held: string[] = []
  try {
    for (const [at, word] of words.entries()) {
      if (word !== 'references') continue
      const reader = new Reader(words, at + 1)
      const table = reader.name()
      if (!letsGo(words.slice(at + 1))) held.push(table)
    }
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
  return held
}

/** Whether what follows `references` says, before the next column or constraint, that deleting is let through. */
function letsGo(words: readonly string[]): boolean {
  let depth = 0
  for (const [at, word] of words.entries()) {
    if (word === '(') depth += 1
    if (word === ')') depth -= 1
    if (depth < 0 || (depth === 0 && word === ',') || word === 'references') return false
    const reader = new Reader(words, at)
    if (depth === 0 && (reader.skip('on', 'delete', 'cascade') || reader.skip('on', 'delete', 'set', 'null')))
      return true
  }
  return false
}
