import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { InvalidConfig, parseConfig } from '#backend/core/config'
import { type PluginFiles, SIGNATURE } from '#backend/core/plugin/install/archive'
import { checkSignature, signatureOf } from '#backend/core/plugin/install/signature'
import { pluginWith } from '#backend/core/plugin/install/tests/plugin-files'

function keys() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    shared: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    own: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}
const { shared, own } = keys()
const other = keys()
const sign = (files: PluginFiles, key: string) => new Map([...files, [SIGNATURE, Buffer.from(signatureOf(files, key))]])

test('with keys configured only what one of them signed is taken', () => {
  const signed = sign(pluginWith(), own)
  expect(() => checkSignature(signed, [other.shared, shared])).not.toThrow()
  expect(() => checkSignature(signed, [other.shared])).toThrow('plugin.install.signature_wrong')
  expect(() => checkSignature(pluginWith(), [shared])).toThrow('plugin.install.signature_missing')
  expect(() => checkSignature(pluginWith(), [])).not.toThrow()
})

test('a signature holds for these files alone', () => {
  const signed = sign(pluginWith(), own)
  for (const [path, text] of [
    ['plugin.ts', 'export {}'],
    ['extra.ts', ''],
    [SIGNATURE, 'AAAA'],
    [SIGNATURE, ''],
  ])
    expect(() => checkSignature(new Map([...signed, [path ?? '', Buffer.from(text ?? '')]]), [shared])).toThrow(
      'plugin.install.signature_wrong',
    )
})

test('a key that is none stops the start', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' })
  for (const key of ['secret', own, rsa.toString('base64'), `${shared},x`])
    expect(() => parseConfig({ PLUGIN_PUBLIC_KEYS: key })).toThrow(InvalidConfig)
  expect(parseConfig({ PLUGIN_PUBLIC_KEYS: `${shared}, ${other.shared}` }).PLUGIN_PUBLIC_KEYS).toHaveLength(2)
})

test('installing is off in production unless it is switched on', () => {
  const production = { NODE_ENV: 'production', TOKEN_SECRET_KEY: 'k7Jq2Zr9Xw4Lm8Tn3Vb6Hs1Dc5Pf0Gy2' }
  expect(parseConfig(production).PLUGIN_INSTALL).toBe(false)
  expect(parseConfig({ ...production, PLUGIN_INSTALL: 'true' }).PLUGIN_INSTALL).toBe(true)
  expect(parseConfig({}).PLUGIN_INSTALL).toBe(true)
  expect(parseConfig({ PLUGIN_INSTALL: 'false' }).PLUGIN_INSTALL).toBe(false)
})
