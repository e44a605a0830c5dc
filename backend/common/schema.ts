import { z } from 'zod'

/** Fields whose value never reaches a log, an error or the operation log. */
export const secrets = z.registry<{ secret: true }>()

/** Marks a field as secret: `password: secret(z.string())`. */
export function secret<T extends z.ZodType>(schema: T): T {
  const marked = schema.clone()
  secrets.add(marked, { secret: true })
  return marked
}

/** Text of at most `max` characters, without NUL, which PostgreSQL cannot store. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), { error: 'validation.nul' })
/** Text that may not be blank. */
export const name = (max: number) => text(max).refine((value) => value.trim() !== '', { error: 'validation.blank' })

const blankToNull = (value: unknown) => (value === '' ? null : value)
/** An optional field of a full replacement: absent, null and a cleared input ('') all mean null. */
export const nullable = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => blankToNull(value) ?? null, schema.nullable()).prefault(null)

const wholeNumber = (value: unknown) =>
  typeof value === 'string' && /^[+-]?\d{1,19}$/.test(value.trim()) ? Number(value) : value
/** Whole number of a path or query, where every value arrives as text; also accepted as text in bodies. */
export const int = (min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) =>
  z.preprocess(wholeNumber, max < Number.MAX_SAFE_INTEGER ? z.int().min(min).max(max) : z.int().min(min))
/** A 32-bit column. */
export const INT32_MAX = 2_147_483_647

/** An id, as number or as text of digits. */
export const Id = int(1)
export const Pk = z.object({ pk: Id.describe('Id of the row') })
/** Ids of a bulk deletion; repeated ids count once. */
export const Pks = z.object({
  pks: z
    .array(Id)
    .min(1)
    .max(1000)
    .describe('Ids of the rows')
    .overwrite((ids) => [...new Set(ids)]),
})

const zeroOrOne = z.literal([0, 1])
/** 1 enabled, 0 disabled. */
export const Status = z.preprocess(wholeNumber, zeroOrOne).describe('1 enabled, 0 disabled')
/** A set of whole numbers, as in FBA's integer enums. */
export const intEnum = <const T extends number>(values: readonly T[]) =>
  z.preprocess(wholeNumber, z.literal([...values]))

export const Phone = z.string().regex(/^1[3-9]\d{9}$/)
export const Email = z.email().max(256)

/** A moment as `YYYY-MM-DD HH:mm:ss` in the configured time zone. */
export const DateTime = z.string().describe('YYYY-MM-DD HH:mm:ss')

/** The body of an answer that is a file: whatever is sent, as it is. */
export const FileBody = z.any().meta({ type: 'string', format: 'binary' })

/** The body of a form with one file, which the handler reads as it comes; whether there has to be one is the handler's to say. */
export const FileForm = z.any().meta({
  type: 'object',
  properties: { file: { type: 'string', format: 'binary' } },
})
