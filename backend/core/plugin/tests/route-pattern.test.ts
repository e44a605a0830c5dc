import { expect, test } from 'vitest'
import { routesOverlap, urlMatches, urlsOverlap } from '#backend/core/plugin/route-pattern'

test.each([
  ['/sys/users', '/sys/users'],
  ['/sys/users', '/sys/users/'],
  ['/sys/users/:pk', '/sys/users/report'],
  ['/sys/users/:pk', '/sys/:what/me'],
  ['/sys/users/:pk/roles', '/sys/users/:id/:what'],
  ['/sys/users', '/sys/:what?'],
  ['/sys', '/sys/:what?'],
  ['/sys/users/:pk', '/sys/*'],
  ['/sys/users', '*'],
  ['/sys/users', '/sys/%75sers'],
  ['/sys/users/:pk(^\\d+$)', '/sys/users/:name'],
  ['/sys/users/:pk.json', '/sys/users/me.json'],
  ['/a::b', '/a::b'],
])('%s and %s could both take a request', (a, b) => {
  expect(urlsOverlap(a, b)).toBe(true)
  expect(urlsOverlap(b, a)).toBe(true)
})

test.each([
  ['/sys/users', '/sys/user'],
  ['/sys/users', '/sys/users/:pk'],
  ['/sys/users/:pk/roles', '/sys/users/:pk/scopes'],
  ['/sys/users', '/SYS/users'],
  ['/sys', '/sys/users/:what?'],
  ['/a::b', '/a:b'.replace(':', '')],
  ['/logs/*', '/sys/*'],
])('%s and %s take different requests', (a, b) => {
  expect(urlsOverlap(a, b)).toBe(false)
  expect(urlsOverlap(b, a)).toBe(false)
})

test('routes of different methods do not meet', () => {
  expect(routesOverlap({ method: 'GET', url: '/a' }, { method: 'POST', url: '/a' })).toBe(false)
  expect(routesOverlap({ method: 'GET', url: '/a' }, { method: 'GET', url: '/:b' })).toBe(true)
})

test('a path fits the pattern of its route and no other', () => {
  expect(urlMatches('/sys/users/:pk', '/sys/users/1')).toBe(true)
  expect(urlMatches('/sys/users/:pk', '/sys/users/1/')).toBe(true)
  expect(urlMatches('/sys/users/:pk', '/sys/users')).toBe(false)
  expect(urlMatches('/sys/users/:pk', '/sys/users//')).toBe(false)
  expect(urlMatches('/files/*', '/files/a/b')).toBe(true)
  // A colon in a path is no parameter.
  expect(urlMatches('/sys/users', '/sys/:users')).toBe(false)
  expect(urlMatches('/sys/caf\u00e9', '/sys/caf%C3%A9')).toBe(true)
})
