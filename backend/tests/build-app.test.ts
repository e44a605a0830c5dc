import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PluginSet } from '#backend/core/plugin/parts'
import { isMessageKey } from '#backend/locale/translate'
import { APPS, buildApp } from '#backend/server'
import { createTestApp, type TestApp } from '#backend/tests/harness'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

let t: TestApp
beforeAll(async () => {
  t = await createTestApp({}, { plugin_folder: PLUGIN_FIXTURES })
})
afterAll(() => t.close())

/** The set in use, one of whose plugins brings a text and routes that cannot be registered. */
function unservable(): PluginSet {
  const set = t.host.set()
  const [first, ...others] = set.enabled.toReversed()
  if (first === undefined) throw new Error('no plugin is in use')
  const translations = { 'zh-CN': { 'unservable.text': '文' }, 'en-US': { 'unservable.text': 'text' } }
  const api = async () => {
    throw new Error('these routes cannot be registered')
  }
  return {
    ...set,
    enabled: [...others.reverse(), { ...first, definition: { ...first.definition, translations, api } }],
  }
}

test('an instance that cannot be built leaves nothing behind', async () => {
  await expect(buildApp(t.host, APPS, unservable())).rejects.toThrow(/cannot be registered/)
  expect(isMessageKey('unservable.text')).toBe(false)
})
