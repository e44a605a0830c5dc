import { createInterface } from 'node:readline'
import postgres from 'postgres'
import { startEmbeddedPostgres } from '#backend/database/embedded-postgres'

/**
 * A process of its own for embedded-postgres.test.ts: `<data_dir> hold` starts and waits for a line before it stops;
 * `<data_dir> insert` inserts rows for ever. Each line printed is a JSON value: first the start, then each row acknowledged.
 */
const [data_dir = '', mode = ''] = process.argv.slice(2)
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)

const server = await startEmbeddedPostgres({ data_dir })
print({ url: server.url, adopted: server.adopted })
if (mode === 'insert') await insertForEver(server.url)
for await (const _line of createInterface({ input: process.stdin })) break
await server.stop()
process.exit(0)

async function insertForEver(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  await sql`create table if not exists note (id int primary key)`
  for (let id = 1; ; id += 1) {
    await sql`insert into note values (${id})`
    print(id)
  }
}
