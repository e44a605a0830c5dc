export interface SqlStatement {
  text: string
  /** of its first word, counted from 1 */
  line: number
}

export interface SqlToken {
  kind: 'space' | 'word' | 'semicolon' | 'other'
  text: string
}

/** Each pattern at the position reached, the first that matches; the last takes any one character. */
const PATTERNS: readonly [SqlToken['kind'], RegExp][] = [
  ['space', /\s+|--[^\n]*/y],
  ['other', /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/y],
  ['other', /(?:[uU]&)?'(?:[^']|'')*'/y],
  ['other', /"(?:[^"]|"")*"/y],
  ['other', /\$([\p{L}_][\p{L}\p{N}_]*)?\$[\s\S]*?\$\1\$/uy],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['semicolon', /;/y],
  ['other', /[\s\S]/uy],
]

/**
 * Cuts a file at the semicolons that end a statement: not those in strings, quoted names, dollar quotes, comments, or the
 * body of an SQL-standard function (`begin atomic ... end`). Text after the last one is a statement too.
 */
export function splitSql(source: string): SqlStatement[] {
  const statements: SqlStatement[] = []
  let start: number | undefined
  let words: string[] = []
  let depth = 0
  const end = (position: number) => {
    if (start !== undefined)
      statements.push({ text: source.slice(start, position).trim(), line: lineAt(source, start) })
    start = undefined
    words = []
    depth = 0
  }
  for (let position = 0; position < source.length; ) {
    const { kind, text } = tokenAt(source, position)
    if (kind === 'semicolon' && depth === 0) end(position)
    else if (kind !== 'space') start ??= position
    if (kind === 'word') {
      words.push(text.toLowerCase())
      depth = depthAfter(words, depth)
    }
    position += text.length
  }
  end(source.length)
  return statements
}

/** The words and signs of a statement, without blanks and comments. */
export function sqlTokens(source: string): SqlToken[] {
  const tokens: SqlToken[] = []
  for (let position = 0; position < source.length; ) {
    const token = tokenAt(source, position)
    if (token.kind !== 'space') tokens.push(token)
    position += token.text.length
  }
  return tokens
}

/** `begin atomic` opens a body, in which `case` and `end` balance. */
function depthAfter(words: string[], depth: number): number {
  const [last, before] = [words.at(-1), words.at(-2)]
  if (words[0] !== 'create') return 0
  if (last === 'atomic' && before === 'begin') return depth + 1
  if (depth === 0) return 0
  if (last === 'case') return depth + 1
  return last === 'end' ? depth - 1 : depth
}

function tokenAt(source: string, position: number): SqlToken {
  const comment = blockCommentAt(source, position)
  if (comment !== undefined) return { kind: 'space', text: comment }
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = position
    const [text] = pattern.exec(source) ?? []
    if (text !== undefined) return { kind, text }
  }
  return { kind: 'other', text: source.charAt(position) }
}

/** PostgreSQL's comments nest. One without an end goes on to the end of the file. */
function blockCommentAt(source: string, position: number): string | undefined {
  if (!source.startsWith('/*', position)) return undefined
  let depth = 0
  for (let at = position; at < source.length; ) {
    if (source.startsWith('/*', at)) {
      depth += 1
      at += 2
    } else if (source.startsWith('*/', at)) {
      depth -= 1
      at += 2
      if (depth === 0) return source.slice(position, at)
    } else at += 1
  }
  return source.slice(position)
}

export function lineAt(source: string, position: number): number {
  return source.slice(0, position).split('\n').length
}

const ENDS_TRANSACTION =
  /^(?:begin|start|commit|end|rollback|abort|prepare\s+transaction)\b(?!\s+to\b|\s+(?:work|transaction)\s+to\b)/i

/** Whether a statement would begin or end a transaction, which belongs to whoever runs the file. */
export function controlsTransaction({ text }: SqlStatement): boolean {
  return ENDS_TRANSACTION.test(text)
}
