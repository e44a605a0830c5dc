import { z } from 'zod'
import { PageQuery } from '#backend/common/paging'
import { DateTime, Id, name, nullable, secret, text } from '#backend/common/schema'

const NAME_MAX = 32
const TYPE_MAX = 32
const KEY_MAX = 64
const VALUE_MAX = 65_536
const REMARK_MAX = 1000
const BATCH_MAX = 200

export const ConfigsQuery = z.object({ type: text(TYPE_MAX).optional().describe('Group, e.g. USER_SECURITY') })
export const ConfigQuery = PageQuery.extend({
  ...ConfigsQuery.shape,
  name: text(NAME_MAX).optional().describe('Part of the name'),
})
export type ConfigQuery = z.output<typeof ConfigQuery>

/** Forms send what was typed into a number field as a number. */
const asText = (value: unknown) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value)

const fields = {
  name: name(NAME_MAX).describe('For people'),
  type: nullable(text(TYPE_MAX)).describe('Group'),
  key: z.string().max(KEY_MAX).regex(/^\S+$/).describe('Unique'),
  // Some are passwords: none is echoed or logged.
  value: secret(z.preprocess(asText, text(VALUE_MAX))).describe(
    'As text; of a secret, blank or as it was shown keeps the one that is stored',
  ),
  is_frontend: z.boolean().describe('Whether it is meant for the front end'),
  remark: nullable(text(REMARK_MAX)).describe('Remark'),
}

export const CreateConfig = z.object(fields)
export type CreateConfig = z.output<typeof CreateConfig>

/** A full replacement. */
export const UpdateConfig = z.object(fields)
export type UpdateConfig = z.output<typeof UpdateConfig>

export const UpdateConfigs = z
  .array(z.object({ id: Id.describe('Id of the row'), ...fields }))
  .min(1)
  .max(BATCH_MAX)
export type UpdateConfigs = z.output<typeof UpdateConfigs>

export const DeleteConfigs = z
  .array(Id)
  .min(1)
  .max(1000)
  .describe('Ids of the rows')
  .overwrite((ids) => [...new Set(ids)])

export const ConfigDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    type: z.string().nullable(),
    key: z.string(),
    value: z.string().describe('Of a secret ********, or nothing where none is stored'),
    is_frontend: z.boolean(),
    remark: z.string().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A setting')
