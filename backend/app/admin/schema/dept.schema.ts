import { z } from 'zod'
import { DateTime, Email, Id, INT32_MAX, int, name, nullable, Phone, Status, text } from '#backend/common/schema'

const fields = {
  name: name(64).describe('Name, unique among the departments that are not deleted'),
  parent_id: nullable(Id).describe('Id of the department above; null at the top'),
  leader: nullable(text(32)).describe('Who leads it'),
  phone: nullable(Phone).describe('Mobile number'),
  email: nullable(Email.max(64)).describe('E-mail address'),
  status: Status,
}
const sort = int(0, INT32_MAX).describe('Position among its siblings, ascending')

export const DeptQuery = z.object({
  name: text(64).optional().describe('Part of the name'),
  leader: text(32).optional().describe('Part of the leader'),
  phone: text(11).optional().describe('Start of the phone number'),
  status: Status.optional(),
})
export type DeptQuery = z.output<typeof DeptQuery>

export const CreateDept = z.object({ ...fields, sort: sort.prefault(0) })
export type CreateDept = z.output<typeof CreateDept>

/** A full replacement, but for `sort`, which the form of the front end does not hold: absent, it stays. */
export const UpdateDept = z.object({ ...fields, sort: sort.optional() })
export type UpdateDept = z.output<typeof UpdateDept>

export const DeptDetail = z
  .object({
    id: z.int(),
    name: z.string(),
    parent_id: z.int().nullable(),
    sort: z.int(),
    leader: z.string().nullable(),
    phone: z.string().nullable(),
    email: z.string().nullable(),
    status: z.int(),
    del_flag: z.boolean(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A department')

export const DeptTree = DeptDetail.extend({
  get children(): z.ZodNullable<z.ZodArray<typeof DeptTree>> {
    return z.array(DeptTree).nullable()
  },
}).meta({ id: 'DeptTree', description: 'A department and what is below it' })
