import { z } from 'zod'
import { LOG_KINDS, LOG_REMOVALS } from '#backend/common/enums'
import { PageQuery } from '#backend/common/paging'
import { DateTime } from '#backend/common/schema'

export const LogTombstoneQuery = PageQuery.extend({
  log: z.enum(LOG_KINDS).optional().describe('Which log; by default each that the caller may read'),
})
export type LogTombstoneQuery = z.output<typeof LogTombstoneQuery>

export const LogTombstoneDetail = z.object({
  id: z.int(),
  log: z.enum(LOG_KINDS),
  action: z.enum(LOG_REMOVALS).describe('delete: chosen rows; clear: all that the caller could see'),
  removed_count: z.int(),
  oldest_time: DateTime.nullable().describe('Of what was removed, as YYYY-MM-DD HH:mm:ss; null when nothing was'),
  newest_time: DateTime.nullable().describe('Of what was removed, as YYYY-MM-DD HH:mm:ss; null when nothing was'),
  user_id: z.int().describe('Who removed it'),
  username: z.string(),
  ip: z.string(),
  trace_id: z.string().describe('Id of the request that did it'),
  created_time: DateTime,
})
