import { randomBytes } from 'node:crypto'
import { parseConfig } from '#backend/core/config'
import { withHost } from '#backend/scripts/cli-host'
import { writeGenerated } from '#backend/scripts/generated-file'
import { buildApp } from '#backend/server'

/** Writes the OpenAPI document of the routes. It depends on the code alone, so neither settings nor a database are used. */
export async function write(file: string, { check }: { check?: boolean }): Promise<void> {
  const config = parseConfig({
    // Never connected to: connections are made by the first query.
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'silent',
  })
  const text = await withHost(async (host) => {
    const app = await buildApp(host)
    await app.ready()
    const document = `${JSON.stringify(app.swagger(), null, 2)}\n`
    await app.close()
    return document
  }, config)
  await writeGenerated(file, text, { check, command: 'npm run openapi:write' })
}
