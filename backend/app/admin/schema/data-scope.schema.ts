import { z } from 'zod'
import { DataRuleDetail } from '#backend/app/admin/schema/data-rule.schema'
import { PageQuery } from '#backend/common/paging'
import { DateTime, Id, name, Status, text } from '#backend/common/schema'

export const DataScopeQuery = PageQuery.extend({
  name: text(64).optional().describe('Part of the name'),
  status: Status.optional(),
})
export type DataScopeQuery = z.output<typeof DataScopeQuery>

const fields = { name: name(64).describe('Name, unique'), status: Status }

export const CreateDataScope = z.object(fields)
export type CreateDataScope = z.output<typeof CreateDataScope>

/** A full replacement; the rules are replaced on their own. */
export const UpdateDataScope = z.object(fields)
export type UpdateDataScope = z.output<typeof UpdateDataScope>

export const UpdateDataScopeRules = z.object({
  rules: z
    .array(Id)
    .max(1000)
    .describe('Ids of all rules of the scope; repeated ids count once')
    .overwrite((ids) => [...new Set(ids)]),
})

export const DataScopeDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    status: z.int(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A data scope')

export const DataScopeWithRules = DataScopeDetail.extend({ rules: z.array(DataRuleDetail) })
