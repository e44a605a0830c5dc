import { en as zodEnUS, zhCN as zodZhCN } from 'zod/locales'
import { enUS } from '#backend/locale/en-US'
import { zhCN } from '#backend/locale/zh-CN'

export const LOCALES = ['zh-CN', 'en-US'] as const
export type Locale = (typeof LOCALES)[number]
/** zh-CN is the reference: a key that en-US lacks does not compile. */
export type MessageKey = keyof typeof zhCN
export type Messages = Readonly<Record<MessageKey, string>>
export type MessageParams = Readonly<Record<string, string | number>>

const CATALOGUES: Readonly<Record<Locale, Messages>> = { 'zh-CN': zhCN, 'en-US': enUS }

/** The text of a key in a language, `{name}` replaced by the parameter of that name. */
export function translate(locale: Locale, key: MessageKey, params: MessageParams = {}): string {
  return CATALOGUES[locale][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole))
}

export function isMessageKey(text: string): text is MessageKey {
  return Object.hasOwn(zhCN, text)
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
