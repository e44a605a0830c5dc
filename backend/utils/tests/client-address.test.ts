import { describe, expect, it } from 'vitest'
import { clientAddress, networkOf, normalizeAddress, parseTrustedProxies } from '#backend/utils/client-address'

const trusted = parseTrustedProxies(['127.0.0.1', '10.0.0.0/8', '2001:db8:aaaa::/48'])

describe('parseTrustedProxies', () => {
  it.each([
    ['10.0.0.0/8', '10.255.1.2', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.2.3', '::ffff:10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['::ffff:10.0.0.0/104', '11.9.9.9', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    [' 192.0.2.1 ', '192.0.2.1', true],
    ['0.0.0.0/0', '203.0.113.7', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['10.0.0.0/8', 'unknown', false],
  ])('by %s, trust in %s is %s', (entry, address, expected) => {
    expect(parseTrustedProxies([entry])(address)).toBe(expected)
  })

  it.each([
    '',
    'localhost',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/8x',
    '::/129',
    '::ffff:10.0.0.0/8',
  ])('refuses %j and names it', (entry) => {
    expect(() => parseTrustedProxies(['127.0.0.1', entry])).toThrow(`'${entry}'`)
  })

  it('trusts nobody by an empty list', () => {
    expect(parseTrustedProxies([])('127.0.0.1')).toBe(false)
  })
})

describe('clientAddress', () => {
  it('believes no header of a peer that is not a trusted proxy', () => {
    const forged = { remote: '203.0.113.9', forwarded_for: '127.0.0.1', real_ip: '10.0.0.1' }
    expect(clientAddress(forged, trusted)).toBe('203.0.113.9')
  })

  it('takes the last address that no trusted proxy has, not what the client put in front', () => {
    const forwarded_for = '6.6.6.6, 127.0.0.1, 203.0.113.9, 10.0.0.7'
    expect(clientAddress({ remote: '127.0.0.1', forwarded_for }, trusted)).toBe('203.0.113.9')
  })

  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 2001:db8:aaaa::7', '203.0.113.9'],
    ['10.0.0.5, 10.0.0.6', '10.0.0.5'],
    ['203.0.113.9,, ,10.0.0.6', '203.0.113.9'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['[2001:DB8::0:1]:443', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['unknown', '10.0.0.1'],
    ['6.6.6.6, <script>, 10.0.0.6', '10.0.0.6'],
    ['6.6.6.6, 999.1.1.1', '10.0.0.1'],
    [' ', '10.0.0.1'],
  ])('reads X-Forwarded-For %j of a trusted proxy as %s', (forwarded_for, expected) => {
    expect(clientAddress({ remote: '10.0.0.1', forwarded_for }, trusted)).toBe(expected)
  })

  it('uses X-Real-IP of a trusted proxy only without X-Forwarded-For', () => {
    const remote = '10.0.0.1'
    expect(clientAddress({ remote, real_ip: '203.0.113.9' }, trusted)).toBe('203.0.113.9')
    expect(clientAddress({ remote, real_ip: '203.0.113.9', forwarded_for: '203.0.113.8' }, trusted)).toBe('203.0.113.8')
    expect(clientAddress({ remote, real_ip: '203.0.113.9', forwarded_for: 'garbage' }, trusted)).toBe(remote)
    expect(clientAddress({ remote, real_ip: 'garbage' }, trusted)).toBe(remote)
  })

  it('normalises the peer, whose trust counts for IPv4 dressed as IPv6 too', () => {
    expect(clientAddress({ remote: '::ffff:203.0.113.9' }, trusted)).toBe('203.0.113.9')
    expect(clientAddress({ remote: '::ffff:127.0.0.1', forwarded_for: '203.0.113.9' }, trusted)).toBe('203.0.113.9')
  })

  it('is an address also where the socket has none', () => {
    expect(clientAddress({ remote: undefined, forwarded_for: '203.0.113.9' }, trusted)).toBe('0.0.0.0')
  })

  it('is never longer than an address can be', () => {
    const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'
    const remote = `${longest}%${'z'.repeat(100)}`
    expect(clientAddress({ remote }, trusted)).toBe('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')
    expect(clientAddress({ remote: '10.0.0.1', forwarded_for: '1'.repeat(10_000) }, trusted)).toBe('10.0.0.1')
  })
})

describe('normalizeAddress', () => {
  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::FFFF:0102:0304', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['1.2.3.4%x', undefined],
    ['1.2.3', undefined],
    ['', undefined],
  ])('spells %j as %s', (text, expected) => {
    expect(normalizeAddress(text)).toBe(expected)
  })
})

describe('networkOf', () => {
  it.each([
    ['203.0.113.9', '203.0.113.0/24'],
    ['203.0.113.255', '203.0.113.0/24'],
    ['::ffff:203.0.113.9', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8:1::', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8::/48'],
    ['2001::5:6', '2001::/48'],
    ['::1', '::/48'],
    ['1::2:3:4:5:6:7', '1:0:2::/48'],
    ['garbage', '0.0.0.0/24'],
  ])('puts %s into %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network)
  })
})
