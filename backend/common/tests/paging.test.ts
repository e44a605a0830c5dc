import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { PAGE_SIZE_MAX, PageQuery, pageOf, toPage } from '#backend/common/paging'

const links = (total: number, page: number, size: number, url: string) =>
  toPage({ items: [], total }, { page, size }, url).links

describe('a page', () => {
  test('of a request that names neither page nor size links with both', () => {
    const rows = { items: [{ id: 3 }], total: 1 }
    expect(toPage(rows, { page: 1, size: 20 }, '/api/v1/sys/roles?name=auditor')).toEqual({
      items: [{ id: 3 }],
      total: 1,
      page: 1,
      size: 20,
      total_pages: 1,
      links: {
        first: '/api/v1/sys/roles?name=auditor&page=1&size=20',
        last: '/api/v1/sys/roles?name=auditor&page=1&size=20',
        self: '/api/v1/sys/roles?name=auditor',
        next: null,
        prev: null,
      },
    })
  })

  test('that is the last has one before it and none behind', () => {
    const page = toPage({ items: [{ id: 1 }], total: 2 }, { page: 2, size: 1 }, '/api/v1/sys/users?page=2&size=1')
    expect(page).toMatchObject({ total: 2, page: 2, size: 1, total_pages: 2 })
    expect(page.links).toEqual({
      first: '/api/v1/sys/users?page=1&size=1',
      last: '/api/v1/sys/users?page=2&size=1',
      self: '/api/v1/sys/users?page=2&size=1',
      next: null,
      prev: '/api/v1/sys/users?page=1&size=1',
    })
  })

  test('in the middle has both', () => {
    expect(links(5, 2, 2, '/x?page=2&size=2')).toMatchObject({
      next: '/x?page=3&size=2',
      prev: '/x?page=1&size=2',
      last: '/x?page=3&size=2',
    })
  })

  test('from a cursor links to numbers alone, before which the cursor would go', () => {
    expect(links(5, 1, 2, '/x?cursor=abc&name=n').next).toBe('/x?name=n&page=2&size=2')
  })

  test('of nothing still has a first and a last', () => {
    const page = toPage({ items: [], total: 0 }, { page: 1, size: 20 }, '/x')
    expect(page.total_pages).toBe(0)
    expect(page.links).toEqual({
      first: '/x?page=1&size=20',
      last: '/x?page=1&size=20',
      self: '/x',
      next: null,
      prev: null,
    })
  })

  test('beyond the last has none behind it', () => {
    expect(links(3, 9, 2, '/x?page=9&size=2')).toMatchObject({ next: null, prev: '/x?page=8&size=2' })
  })

  test('counts a page that is not full', () => {
    for (const [total, total_pages] of [
      [1, 1],
      [20, 1],
      [21, 2],
      [40, 2],
    ] as const)
      expect(toPage({ items: [], total }, { page: 1, size: 20 }, '/x').total_pages).toBe(total_pages)
  })

  test('keeps every other parameter, repeated, encoded or with a question mark of its own', () => {
    const url = '/x?tag=a&tag=b&name=%E5%BC%A0%26&note=what?why?&page=1'
    const { next } = links(50, 1, 20, url)
    const [path, query] = [next?.slice(0, 2), new URLSearchParams(next?.slice(3))]
    expect(path).toBe('/x')
    expect([...query]).toEqual([
      ['tag', 'a'],
      ['tag', 'b'],
      ['name', '张&'],
      ['note', 'what?why?'],
      ['page', '2'],
      ['size', '20'],
    ])
  })

  test('fits the schema that routes declare', () => {
    const page = toPage({ items: [{ id: 1 }], total: 1 }, { page: 1, size: 20 }, '/x')
    expect(pageOf(z.object({ id: z.int() })).parse(page)).toEqual(page)
  })
})

describe('the query of a page', () => {
  test('comes as text and has defaults', () => {
    expect(PageQuery.parse({})).toEqual({ page: 1, size: 20 })
    expect(PageQuery.parse({ page: '3', size: '200' })).toEqual({ page: 3, size: PAGE_SIZE_MAX })
  })

  test('is bounded', () => {
    for (const bad of [{ page: 0 }, { page: '-1' }, { page: '1.5' }, { page: '1000001' }, { size: 0 }, { size: 201 }])
      expect(PageQuery.safeParse(bad).success).toBe(false)
  })
})
