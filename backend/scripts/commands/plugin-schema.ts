import { z } from 'zod'
import { PluginManifest } from '#backend/core/plugin/manifest'
import { writeGenerated } from '#backend/scripts/generated-file'

/** Writes the JSON Schema of `plugin.json`, which editors check it against, from the schema that the product checks it with. */
export async function write(file: string, { check }: { check?: boolean }): Promise<void> {
  const schema = {
    ...z.toJSONSchema(PluginManifest, { io: 'input', target: 'draft-2020-12' }),
    title: 'plugin.json',
    description: 'What is known of a plugin before any of its code runs',
  }
  await writeGenerated(file, `${JSON.stringify(schema, null, 2)}\n`, { check, command: 'npm run plugin-schema:write' })
}
