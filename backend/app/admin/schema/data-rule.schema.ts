import { z } from 'zod'
import { RULE_EXPRESSION, RULE_OPERATOR } from '#backend/common/enums'
import { PageQuery } from '#backend/common/paging'
import { DateTime, intEnum, name, text } from '#backend/common/schema'

const NAME_MAX = 512
const MODEL_MAX = 64

export const DataRuleQuery = PageQuery.extend({
  name: text(NAME_MAX).optional().describe('Part of the name'),
})
export type DataRuleQuery = z.output<typeof DataRuleQuery>

const fields = {
  name: name(NAME_MAX).describe('Name, unique'),
  model: text(MODEL_MAX).describe('Model whose rows it selects, or `__ALL__`'),
  column: text(32).describe('Column of the model, or a column variable'),
  operator: intEnum(Object.values(RULE_OPERATOR)).describe('0 AND, 1 OR'),
  expression: intEnum(Object.values(RULE_EXPRESSION)).describe(
    '0 equal, 1 not equal, 2 greater, 3 greater or equal, 4 less, 5 less or equal, 6 in, 7 not in',
  ),
  value: text(256).describe('What the column is compared with: a literal, a variable, or a list of them with commas'),
}

export const CreateDataRule = z.object(fields)
export type CreateDataRule = z.output<typeof CreateDataRule>

/** A full replacement. */
export const UpdateDataRule = z.object(fields)
export type UpdateDataRule = z.output<typeof UpdateDataRule>

export const RuleModel = z.object({ model: text(MODEL_MAX).describe('Name of a model, or `__ALL__`') })

export const DataRuleDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    model: z.string(),
    column: z.string(),
    operator: z.int(),
    expression: z.int(),
    value: z.string(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A data rule')

/** Something to choose from: a column or a variable. */
export const RuleChoice = z.object({ key: z.string(), comment: z.string() })
export type RuleChoice = z.output<typeof RuleChoice>
