import { beforeEach, describe, expect, test } from 'vitest'
import { BEHIND_MS, createStanding, LEASE_MS, type Standing } from '#backend/core/plugin/standing'

let standing: Standing
/** One look that takes 10 ms. */
const look = (at: number, own: number | null, newest: number, took = 10) =>
  standing.looked({ started: at, completed: at + took, own, newest })

beforeEach(() => {
  standing = createStanding()
})

describe('a process that starts', () => {
  test('serves nothing before it has said which set it serves and has looked once more', () => {
    expect(standing.mayServe(0)).toBe(false)
    look(0, null, 5)
    look(1000, 5, 5)
    expect(standing.mayServe(1010)).toBe(false)
    look(1020, 5, 5)
    expect(standing.mayServe(1030)).toBe(true)
  })

  test('does not begin with a set that is no longer the newest', () => {
    look(0, 5, 5)
    look(10, 5, 6)
    expect(standing.mayServe(20)).toBe(false)
    look(30, 6, 6)
    expect(standing.mayServe(40)).toBe(true)
  })
})

describe('a process that serves', () => {
  beforeEach(() => {
    look(0, 5, 5)
    look(10, 5, 5)
  })

  test('stops when it has not looked for as long as the lease, and not before', () => {
    expect(standing.mayServe(10 + LEASE_MS - 1)).toBe(true)
    expect(standing.mayServe(10 + LEASE_MS)).toBe(false)
  })

  test('the lease counts from before the look was asked for', () => {
    look(1000, 5, 5, 3000)
    expect(standing.mayServe(1000 + LEASE_MS - 1)).toBe(true)
    expect(standing.mayServe(1000 + LEASE_MS)).toBe(false)
  })

  test('may be behind for a while, counted from when it was last known to be current', () => {
    for (let at = 1000; at <= 9000; at += 1000) look(at, 5, 6)
    expect(standing.mayServe(10 + BEHIND_MS - 1)).toBe(true)
    expect(standing.mayServe(10 + BEHIND_MS)).toBe(false)
    look(9500, 6, 6)
    expect(standing.mayServe(9510)).toBe(true)
  })

  test('going from one newer set to the next does not prolong it', () => {
    for (let at = 1000; at <= 9000; at += 1000) look(at, 5, 5 + at / 1000)
    expect(standing.mayServe(10 + BEHIND_MS)).toBe(false)
  })

  test('having lost the lease it first catches up, however short it was behind', () => {
    look(6000, 5, 6)
    expect(standing.mayServe(6010)).toBe(false)
    look(6100, 5, 6)
    expect(standing.mayServe(6110)).toBe(false)
    look(6200, 6, 6)
    expect(standing.mayServe(6210)).toBe(true)
  })

  test('having lost the lease it looks twice: the first look may be older than a change that did not wait for it', () => {
    look(6000, 5, 5)
    expect(standing.mayServe(6010)).toBe(false)
    look(6020, 5, 5)
    expect(standing.mayServe(6030)).toBe(true)
  })

  test('a look that took longer than the lease is a lease lost', () => {
    look(1000, 5, 5, LEASE_MS)
    look(1000 + LEASE_MS + 10, 5, 6)
    expect(standing.mayServe(1000 + LEASE_MS + 20)).toBe(false)
  })
})
