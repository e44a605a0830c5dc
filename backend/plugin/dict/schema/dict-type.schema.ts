import { z } from 'zod'
import { PageQuery } from '#backend/common/paging'
import { DateTime, name, nullable, text } from '#backend/common/schema'

const NAME_MAX = 32
export const CODE_MAX = 32
const REMARK_MAX = 1000

export const DictTypeQuery = PageQuery.extend({
  name: text(NAME_MAX).optional().describe('Part of the name'),
  code: text(CODE_MAX).optional().describe('Part of the code'),
})
export type DictTypeQuery = z.output<typeof DictTypeQuery>

const fields = {
  name: name(NAME_MAX).describe('Name'),
  // It is part of a path.
  code: z
    .string()
    .max(CODE_MAX)
    .regex(/^[\w.:-]+$/)
    .describe('Code, unique: what its values are asked for by'),
  remark: nullable(text(REMARK_MAX)).describe('Remark'),
}

export const CreateDictType = z.object(fields)
export type CreateDictType = z.output<typeof CreateDictType>

/** A full replacement; a new code is at once that of its values. */
export const UpdateDictType = z.object(fields)
export type UpdateDictType = z.output<typeof UpdateDictType>

export const DictTypeDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    code: z.string(),
    remark: z.string().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A type of dictionary')
