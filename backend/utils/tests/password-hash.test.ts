import { describe, expect, it } from 'vitest'
import { HashQueueFull, hashPassword, PASSWORD_BYTES_MAX, verifyPassword } from '#backend/utils/password-hash'

const cost = 4

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

describe('hashPassword', () => {
  it('makes a salted $2b$ hash of the asked cost, 12 by default', async () => {
    const [one, two] = await Promise.all([hashPassword('secret', { cost }), hashPassword('secret', { cost })])
    expect(one).toMatch(/^\$2b\$04\$.{53}$/)
    expect(two).not.toBe(one)
    expect(await hashPassword('secret')).toMatch(/^\$2b\$12\$/)
  })

  it('refuses a password of which bcrypt would ignore the end', async () => {
    await expect(hashPassword('é'.repeat(36), { cost })).resolves.toMatch(/^\$2b/)
    await expect(hashPassword(`${'é'.repeat(36)}x`, { cost })).rejects.toThrow(RangeError)
    await expect(hashPassword('x'.repeat(PASSWORD_BYTES_MAX + 1), { cost })).rejects.toThrow(RangeError)
  })
})

describe('verifyPassword', () => {
  it('accepts the password and nothing else', async () => {
    const hash = await hashPassword('päss wörd', { cost })
    expect(await verifyPassword('päss wörd', hash)).toBe(true)
    for (const wrong of ['päss word', 'päss wörd ', '']) expect(await verifyPassword(wrong, hash)).toBe(false)
  })

  it('reads the hashes of other bcrypt implementations', async () => {
    // U*U with the salt CCCC...: a published test vector, of cost 5.
    const vector = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
    for (const version of ['2a', '2b', '2y']) {
      expect(await verifyPassword('U*U', `$${version}$05$${vector}`)).toBe(true)
      expect(await verifyPassword('U*V', `$${version}$05$${vector}`)).toBe(false)
    }
  })

  it('does not accept a longer password with the same first 72 bytes', async () => {
    const hash = await hashPassword('x'.repeat(72), { cost })
    expect(await verifyPassword('x'.repeat(72), hash)).toBe(true)
    expect(await verifyPassword('x'.repeat(73), hash)).toBe(false)
  })

  it('says no to a missing or malformed hash after as much work as for a sound one', async () => {
    const good = await hashPassword('secret', { cost: 10 })
    let real = Number.POSITIVE_INFINITY
    for (let run = 0; run < 3; run += 1) real = Math.min(real, await time(() => verifyPassword('wrong', good)))
    // The last two differ from a sound hash in spare bits only, which bcrypt itself refuses without any work.
    for (const bad of [
      null,
      undefined,
      '',
      'secret',
      good.slice(0, -1),
      good.replace('$2b', '$1'),
      `${good}x`,
      `${good.slice(0, -1)}f`,
      `${good.slice(0, 28)}a${good.slice(29)}`,
    ]) {
      const spent = await time(async () => expect(await verifyPassword('secret', bad, { cost: 10 })).toBe(false))
      expect(spent).toBeGreaterThan(real / 3)
    }
  })

  it('works at most two at a time, lets 256 wait and refuses the next', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 2 + 256 + 5 }, () => hashPassword('secret', { cost })),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(5)
    expect(refused.every(({ reason }) => reason instanceof HashQueueFull)).toBe(true)
    expect(await hashPassword('secret', { cost })).toMatch(/^\$2b/)
  })
})
