import { z } from 'zod'
import { PageQuery } from '#backend/common/paging'
import { DateTime, Id, INT32_MAX, int, name, nullable, Status, text } from '#backend/common/schema'
import { CODE_MAX } from '#backend/plugin/dict/schema/dict-type.schema'

const TEXT_MAX = 32
const REMARK_MAX = 1000

export const DictDataQuery = PageQuery.extend({
  type_code: text(CODE_MAX).optional().describe('Code of the type'),
  label: text(TEXT_MAX).optional().describe('Part of the label'),
  value: text(TEXT_MAX).optional().describe('Part of the value'),
  status: Status.optional(),
  type_id: Id.optional().describe('Id of the type'),
})
export type DictDataQuery = z.output<typeof DictDataQuery>

export const DictTypeCode = z.object({ code: text(CODE_MAX).describe('Code of the type') })

const fields = {
  type_id: Id.describe('Id of the type'),
  label: name(TEXT_MAX).describe('What people read; unique within the type'),
  value: name(TEXT_MAX).describe('What is stored'),
  color: nullable(text(TEXT_MAX)).describe('Colour of its tag'),
  sort: int(-INT32_MAX, INT32_MAX).describe('Order within the type, ascending'),
  status: Status.describe('1 in use, 0 shown but not to be chosen'),
  remark: nullable(text(REMARK_MAX)).describe('Remark'),
}

export const CreateDictData = z.object(fields)
export type CreateDictData = z.output<typeof CreateDictData>

/** A full replacement. */
export const UpdateDictData = z.object(fields)
export type UpdateDictData = z.output<typeof UpdateDictData>

export const DictDataDetail = z
  .object({
    id: z.int(),
    type_id: z.int(),
    type_code: z.string(),
    label: z.string(),
    value: z.string(),
    color: z.string().nullable(),
    sort: z.int(),
    status: z.int(),
    remark: z.string().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A value of a dictionary')
