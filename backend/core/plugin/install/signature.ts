import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { BadRequest } from '#backend/common/errors'
import { digestOf, type PluginFiles, SIGNATURE } from '#backend/core/plugin/install/archive'

/** So that a signature of something else is none of a plugin. */
const signed = (digest: string) => Buffer.from(`fba-plugin:${digest}`)

/**
 * Throws BadRequest unless one of the keys, each the base64 of a DER public key, has signed the files. Without keys
 * nothing is asked.
 */
export function checkSignature(files: PluginFiles, public_keys: readonly string[]): void {
  if (public_keys.length === 0) return
  const signature = files.get(SIGNATURE)
  if (signature === undefined) throw new BadRequest('plugin.install.signature_missing')
  const bytes = Buffer.from(signature.toString('latin1').trim(), 'base64')
  const message = signed(digestOf(files))
  const isKnown = public_keys.some((key) => {
    const public_key = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' })
    return verify(null, message, public_key, bytes)
  })
  if (!isKnown) throw new BadRequest('plugin.install.signature_wrong')
}

/** What goes into `plugin.sig`: the signature by an ed25519 private key in PEM form. */
export function signatureOf(files: PluginFiles, private_key_pem: string): string {
  const key = createPrivateKey(private_key_pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('the key is no ed25519 private key')
  return `${sign(null, signed(digestOf(files)), key).toString('base64')}\n`
}
