import { z } from 'zod'
import { ConfigSchema } from '#backend/core/config'
import { writeGenerated } from '#backend/scripts/generated-file'

const HEAD = `# Every setting, with its meaning and its default; empty: unset. Copy what should differ into .env, or set it in the environment.
# Written from backend/core/config.ts by \`npm run env:write\`.
`

/** Writes `.env.example` from the schema that reads the environment. */
export async function write(file: string, { check }: { check?: boolean }): Promise<void> {
  const settings = Object.entries(ConfigSchema.shape).map(([name, schema]) => {
    return `\n# ${schema.description ?? ''}\n${name}=${fallbackOf(schema)}\n`
  })
  await writeGenerated(file, HEAD + settings.join(''), { check, command: 'npm run env:write' })
}

function fallbackOf(schema: z.ZodType): string {
  return schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : ''
}
