import Bowser from 'bowser'
import { LRUCache } from 'lru-cache'

export type UserAgent = Readonly<{
  os: string
  browser: string
  device: string
  /** The header as sent, cut to 512 characters. */
  user_agent: string
}>

const UNKNOWN = 'Unknown'
const HEADER_MAX = 512
const NAME_MAX = 64

/** Parsing runs some hundred regular expressions, and most requests come from a few browsers. */
const parsed = new LRUCache<string, UserAgent>({ max: 1_000 })

/** What a User-Agent header says of itself: a hint for a log, never a fact to decide on. */
export function parseUserAgent(header: string | undefined): UserAgent {
  const user_agent = (header ?? '').slice(0, HEADER_MAX)
  const known = parsed.get(user_agent)
  if (known) return known
  const result = { ...describe(user_agent), user_agent }
  parsed.set(user_agent, result)
  return result
}

function describe(user_agent: string): Omit<UserAgent, 'user_agent'> {
  if (user_agent === '') return { os: UNKNOWN, browser: UNKNOWN, device: UNKNOWN }
  const { os, browser, platform } = Bowser.parse(user_agent)
  return {
    os: label(os.name, os.versionName ?? os.version),
    browser: label(browser.name, browser.version),
    device: platform.type === 'desktop' ? 'PC' : label(platform.vendor, platform.model, platform.type),
  }
}

/** The parts that are there, or the last resort: `Windows 10`, `Apple iPhone`, `mobile`. */
function label(name: string | undefined, detail: string | undefined, otherwise: string = UNKNOWN): string {
  return [name, detail].filter(Boolean).join(' ').slice(0, NAME_MAX) || otherwise
}
