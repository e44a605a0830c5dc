import { z } from 'zod'
import { STATUS } from '#backend/common/enums'
import { PageQuery, pageOf } from '#backend/common/paging'
import { DateTime, intEnum, text } from '#backend/common/schema'

const Filter = z.object({
  username: text(64).optional().describe('Part of the user name'),
  status: intEnum(Object.values(STATUS)).optional().describe('1 succeeded, 0 failed'),
  ip: text(64).optional().describe('Start of the address'),
})

export const OperaLogQuery = PageQuery.extend({
  ...Filter.shape,
  cursor: z
    .string()
    .max(64)
    .regex(/^[\w-]+$/)
    .optional()
    .describe('`next_cursor` of the page before; then `page` is not read, and far pages cost what near ones do'),
})
export type OperaLogQuery = z.output<typeof OperaLogQuery>

export const OperaLogExport = Filter
export type OperaLogExport = z.output<typeof OperaLogExport>

export const OperaLogItem = z.object({
  id: z.int(),
  trace_id: z.string().describe('Id of the request'),
  username: z.string().nullable(),
  method: z.string(),
  title: z.string().describe('What the operation does'),
  path: z.string(),
  ip: z.string(),
  country: z.string().nullable(),
  region: z.string().nullable(),
  city: z.string().nullable(),
  user_agent: z.string().nullable(),
  os: z.string().nullable(),
  browser: z.string().nullable(),
  device: z.string().nullable(),
  args: z.record(z.string(), z.unknown()).nullable().describe('What the request carried, secrets hidden'),
  status: z.int().describe('1 succeeded, 0 failed'),
  code: z.string(),
  msg: z.string().nullable(),
  cost_time: z.number().describe('Milliseconds'),
  opera_time: DateTime,
  created_time: DateTime,
})

export const OperaLogPage = pageOf(OperaLogItem).extend({
  total_is_estimate: z.boolean().describe('`total` is not counted but estimated: it is beyond 100,000'),
  next_cursor: z.string().nullable().describe('Where the next page begins; null: there is none'),
})

export const OperaLogDetail = OperaLogItem.extend({
  diff: z
    .array(z.unknown())
    .nullable()
    .describe('The rows that the request changed: `{ table, id, before, after }` with the fields that differ'),
  stream: z.string().nullable().describe('The process that wrote the record'),
  seq: z.int().nullable().describe('Its place in what that process wrote'),
  prev_hash: z.string().nullable(),
  hash: z.string().nullable(),
})
