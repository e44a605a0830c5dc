import { randomBytes, randomFillSync } from 'node:crypto'

let lastMs = 0
let sequence = 0

/**
 * UUID version 7 (RFC 9562): sorts by time, and within this process strictly by creation. The 12 bits after the
 * version are a counter that starts low and random every millisecond; when it runs out the time moves ahead.
 */
export function uuidv7(): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(16))
  const now = Date.now()
  if (now > lastMs) {
    lastMs = now
    sequence = bytes.readUInt16BE(6) & 0x7ff
  } else if (sequence === 0xfff) {
    lastMs += 1
    sequence = 0
  } else {
    sequence += 1
  }
  bytes.writeUIntBE(lastMs, 0, 6)
  bytes.writeUInt16BE(0x7000 | sequence, 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** An unguessable value for URLs and headers: base64url of that many random bytes. */
export function token(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

/** 32 hexadecimal characters: 128 random bits. */
export function randomHex32(): string {
  return randomBytes(16).toString('hex')
}
