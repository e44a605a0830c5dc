import { z } from 'zod'
import { int } from '#backend/common/schema'

export const PAGE_SIZE_MAX = 200

/** Query of every paged list. */
export const PageQuery = z.object({
  page: int(1, 1_000_000).prefault(1).describe('Page number, from 1'),
  size: int(1, PAGE_SIZE_MAX).prefault(20).describe(`Rows per page, at most ${PAGE_SIZE_MAX}`),
})
export type PageQuery = z.output<typeof PageQuery>

/** One page of rows as the front end reads it. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    total: z.int(),
    page: z.int(),
    size: z.int(),
    total_pages: z.int(),
    links: z.object({
      first: z.string(),
      last: z.string(),
      self: z.string(),
      next: z.string().nullable(),
      prev: z.string().nullable(),
    }),
  })
}

export interface Rows<T> {
  items: T[]
  total: number
}

/** Completes rows to a page; links keep the other parameters of the request. */
export function toPage<T>({ items, total }: Rows<T>, { page, size }: PageQuery, request_url: string) {
  const total_pages = Math.ceil(total / size)
  const mark = request_url.indexOf('?')
  const path = mark < 0 ? request_url : request_url.slice(0, mark)
  const query = mark < 0 ? '' : request_url.slice(mark + 1)
  const link = (number: number) => {
    const parameters = new URLSearchParams(query)
    parameters.delete('page')
    parameters.delete('size')
    // It would go before the number.
    parameters.delete('cursor')
    parameters.append('page', String(number))
    parameters.append('size', String(size))
    return `${path}?${parameters}`
  }
  return {
    items,
    total,
    page,
    size,
    total_pages,
    links: {
      first: link(1),
      last: link(Math.max(total_pages, 1)),
      self: request_url,
      next: page < total_pages ? link(page + 1) : null,
      prev: page > 1 ? link(page - 1) : null,
    },
  }
}
