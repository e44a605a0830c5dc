/** A route as it is registered: `/api/v1/sys/users/:pk`, for one method. */
export interface RoutePattern {
  readonly method: string
  readonly url: string
}

type Segment = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'parameter' | 'rest' }

/** Whether some request would fit both routes, parameters and wildcards counted as anything. */
export function routesOverlap(a: RoutePattern, b: RoutePattern): boolean {
  return a.method === b.method && urlsOverlap(a.url, b.url)
}

export function urlsOverlap(a: string, b: string): boolean {
  return variants(a).some((one) => variants(b).some((other) => segmentsOverlap(one, other)))
}

/** Whether a path, without its query, is one that the pattern of a route takes. */
export function urlMatches(pattern: string, path: string): boolean {
  const given = parts(path).map((text): Segment => ({ kind: 'text', text: decoded(text) }))
  return variants(pattern).some((one) => segmentsOverlap(one, given))
}

function segmentsOverlap(a: readonly Segment[], b: readonly Segment[]): boolean {
  for (let index = 0; ; index += 1) {
    const one = a[index]
    const other = b[index]
    if (one?.kind === 'rest' || other?.kind === 'rest') return true
    if (one === undefined || other === undefined) return one === other
    if (!segmentOverlaps(one, other)) return false
  }
}

/** A parameter is never empty. */
function segmentOverlaps(one: Segment, other: Segment): boolean {
  if (one.kind === 'text' && other.kind === 'text') return one.text === other.text
  const text = one.kind === 'text' ? one.text : other.kind === 'text' ? other.text : undefined
  return text !== ''
}

/** A last parameter that may be absent makes two patterns of one. */
function variants(url: string): Segment[][] {
  const segments = parts(url)
  const last = segments.at(-1)
  const all = [segments.map(segmentOf)]
  if (last?.startsWith(':') === true && last.endsWith('?')) all.push(segments.slice(0, -1).map(segmentOf))
  return all
}

/** A slash at the end says nothing. */
function parts(url: string): string[] {
  const inner = url.replace(/^\//, '').replace(/\/$/, '')
  return inner === '' ? [] : inner.split('/')
}

/** `::` is a colon; part of a segment as a parameter, or one with a condition, is counted as any text. */
function segmentOf(source: string): Segment {
  if (source === '*') return { kind: 'rest' }
  const literal = source.replaceAll('::', '\0')
  if (literal.includes('*')) return { kind: 'rest' }
  if (literal.includes(':')) return { kind: 'parameter' }
  return { kind: 'text', text: decoded(literal.replaceAll('\0', ':')) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
