import { z } from 'zod'
import { PageQuery } from '#backend/common/paging'
import { DateTime, intEnum, name, Status, text } from '#backend/common/schema'

const TITLE_MAX = 64
const CONTENT_MAX = 500_000

const NoticeType = intEnum([0, 1]).describe('0 notice, 1 announcement')

export const NoticeQuery = PageQuery.extend({
  title: text(TITLE_MAX).optional().describe('Part of the title'),
  type: NoticeType.optional(),
  status: Status.optional(),
})
export type NoticeQuery = z.output<typeof NoticeQuery>

const fields = {
  title: name(TITLE_MAX).describe('Title'),
  type: NoticeType,
  status: Status,
  content: name(CONTENT_MAX).describe('Text, in Markdown'),
}

export const CreateNotice = z.object(fields)
export type CreateNotice = z.output<typeof CreateNotice>

/** A full replacement. */
export const UpdateNotice = z.object(fields)
export type UpdateNotice = z.output<typeof UpdateNotice>

export const NoticeDetail = z
  .object({
    id: z.int(),
    title: z.string(),
    type: z.int(),
    status: z.int(),
    content: z.string(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A notice')
