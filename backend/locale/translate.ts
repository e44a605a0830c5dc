import { en as zodEnUS, zhCN as zodZhCN } from 'zod/locales'
import { enUS } from '#backend/locale/en-US'
import { zhCN } from '#backend/locale/zh-CN'

export const LOCALES = ['zh-CN', 'en-US'] as const
export type Locale = (typeof LOCALES)[number]
/** zh-CN is the reference: a key that en-US lacks does not compile. */
type CoreKey = keyof typeof zhCN
/** The messages of plugins, by key. A plugin adds its own by merging into this interface. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by merging
export interface PluginMessages {}
export type MessageKey = CoreKey | Extract<keyof PluginMessages, string>
export type Messages = Readonly<Record<CoreKey, string>>
export type MessageParams = Readonly<Record<string, string | number>>

const CATALOGUES: Readonly<Record<Locale, Messages>> = { 'zh-CN': zhCN, 'en-US': enUS }

/** Texts by language and key. */
export type Translations = Readonly<Record<Locale, Readonly<Record<string, string>>>>

/** Of the plugins in use; while one set of them follows another, of both, and the last one added counts. */
const joined: Translations[] = []

/** Adds messages until the function that it returns is called. */
export function joinMessages(translations: Translations): () => void {
  const own = { ...translations }
  joined.unshift(own)
  return () => {
    const index = joined.indexOf(own)
    if (index >= 0) joined.splice(index, 1)
  }
}

function textOf(locale: Locale, key: string): string | undefined {
  const core: Readonly<Record<string, string>> = CATALOGUES[locale]
  if (Object.hasOwn(core, key)) return core[key]
  return joined.find((texts) => Object.hasOwn(texts[locale], key))?.[locale][key]
}

/** The text of a key in a language, `{name}` replaced by the parameter of that name; of a plugin that has left the key. */
export function translate(locale: Locale, key: MessageKey, params: MessageParams = {}): string {
  const text = textOf(locale, key) ?? key
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole))
}

export function isMessageKey(text: string): text is MessageKey {
  return textOf('zh-CN', text) !== undefined
}

/** Zod's own error texts per language. */
export const ZOD_TEXTS = { 'zh-CN': zodZhCN().localeError, 'en-US': zodEnUS().localeError } as const

/** The best language of an Accept-Language header by quality and order, else the fallback. */
export function negotiateLocale(header: string | undefined, fallback: Locale): Locale {
  if (header === undefined || header === '') return fallback
  // The two headers the front end sends need no parsing.
  if (header === 'zh-CN' || header === 'en-US') return header
  const ranked = header
    .slice(0, 256)
    .split(',')
    .map((part) => {
      const [tag = '', ...options] = part.trim().split(';')
      const quality = options.map((option) => /^\s*q=([\d.]+)\s*$/.exec(option)?.[1]).find((q) => q !== undefined)
      return { tag: tag.toLowerCase(), quality: quality === undefined ? 1 : Number(quality) }
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
  for (const { tag } of ranked) {
    if (tag === 'zh' || tag.startsWith('zh-')) return 'zh-CN'
    if (tag === 'en' || tag.startsWith('en-')) return 'en-US'
  }
  return fallback
}
