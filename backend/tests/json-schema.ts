type Kind = 'schema' | 'schemas' | 'named' | 'text' | 'texts' | 'number' | 'flag' | 'list' | 'any' | 'type'

/** The keywords of JSON Schema 2020-12 that the product's schemas are made of, and what each holds. */
const KEYWORDS: Record<string, Kind> = {
  $ref: 'text',
  type: 'type',
  title: 'text',
  description: 'text',
  default: 'any',
  const: 'any',
  enum: 'list',
  format: 'text',
  pattern: 'text',
  contentEncoding: 'text',
  minLength: 'number',
  maxLength: 'number',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
  minItems: 'number',
  maxItems: 'number',
  uniqueItems: 'flag',
  deprecated: 'flag',
  required: 'texts',
  properties: 'named',
  propertyNames: 'schema',
  additionalProperties: 'schema',
  items: 'schema',
  prefixItems: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
  allOf: 'schemas',
}
const TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null']

const isText = (value: unknown) => typeof value === 'string'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isListOf = (value: unknown, fits: (item: unknown) => boolean) => Array.isArray(value) && value.every(fits)

const FITS: Record<Kind, (value: unknown) => boolean> = {
  schema: (value) => typeof value === 'boolean' || isObject(value),
  schemas: (value) => isListOf(value, isObject) && (value as unknown[]).length > 0,
  named: isObject,
  text: isText,
  texts: (value) => isListOf(value, isText),
  number: Number.isFinite,
  flag: (value) => typeof value === 'boolean',
  list: (value) => Array.isArray(value) && value.length > 0,
  any: () => true,
  type: (value) => [value].flat().every((one) => TYPES.includes(one as string)),
}

/** What is wrong with a schema, at any depth: an unknown keyword (as those of older drafts), or one that holds the wrong thing. */
export function schemaFaults(schema: unknown, where: string): string[] {
  if (!isObject(schema)) return FITS.schema(schema) ? [] : [`${where}: no schema`]
  const known = isObject(schema.properties) ? Object.keys(schema.properties) : []
  return [
    ...(Array.isArray(schema.required) ? schema.required : [])
      .filter((name) => !known.includes(name))
      .map((name) => `${where}: requires ${name}, which it does not have`),
    ...Object.entries(schema).flatMap(([keyword, value]) => {
      const kind = KEYWORDS[keyword]
      if (kind === undefined) return [`${where}: unknown keyword ${keyword}`]
      if (!FITS[kind](value)) return [`${where}: ${keyword} holds ${JSON.stringify(value)}`]
      return subschemas(kind, value).flatMap(([name, inner]) => schemaFaults(inner, `${where}.${keyword}${name}`))
    }),
  ]
}

function subschemas(kind: Kind, value: unknown): [name: string, schema: unknown][] {
  if (kind === 'schema') return [['', value]]
  if (kind === 'schemas' || kind === 'named')
    return Object.entries(value as object).map(([name, inner]) => [`.${name}`, inner])
  return []
}
