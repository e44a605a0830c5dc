import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { sql } from 'drizzle-orm'
import type { Db } from '#backend/database/db'

export interface DumpedTable {
  readonly table: string
  readonly file: string
  readonly rows: number
  /** SHA-256 of the rows as they are when unpacked, in hexadecimal */
  readonly sha256: string
}

const ROWS_AT_ONCE = 500
export const DUMP_MANIFEST = 'dump.json'

/**
 * Writes every row of some tables into a folder that it makes: per table a gzip file with one JSON object a line, as
 * `json_populate_record` reads it, and beside them `dump.json`, written last, which says how many. Runs in the
 * transaction that is about to drop them: nobody else reads or writes them from here on. Leaves no folder when it fails.
 */
export async function dumpTables(tx: Db, tables: readonly string[], folder: string): Promise<DumpedTable[]> {
  await mkdir(dirname(folder), { recursive: true })
  // A folder that is there belongs to another dump.
  await mkdir(folder, { mode: 0o700 })
  try {
    const dumped: DumpedTable[] = []
    for (const table of tables) dumped.push(await dumpTable(tx, table, folder))
    const written = JSON.stringify({ made_time: new Date().toISOString(), tables: dumped }, null, 2)
    await writeFile(join(folder, DUMP_MANIFEST), `${written}\n`, { mode: 0o600, flush: true })
    return dumped
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function dumpTable(tx: Db, table: string, folder: string): Promise<DumpedTable> {
  const file = `${table}.jsonl.gz`
  const hash = createHash('sha256')
  const packer = createGzip()
  const output = createWriteStream(join(folder, file), { mode: 0o600, flags: 'wx', flush: true })
  const done = Promise.all([finished(packer.pipe(output)), finished(packer)])
  done.catch(() => undefined)
  let rows = 0
  try {
    for await (const line of linesOf(tx, table)) {
      rows += 1
      hash.update(line)
      if (!packer.write(line)) await Promise.race([once(packer, 'drain'), done])
    }
    packer.end()
    await done
  } catch (error) {
    packer.destroy()
    output.destroy()
    throw error
  }
  return { table, file, rows, sha256: hash.digest('hex') }
}

/** A page at a time, so that a table may be larger than memory. */
async function* linesOf(tx: Db, table: string): AsyncGenerator<string> {
  const name = sql.identifier(table)
  await tx.execute(sql`lock table ${name} in access exclusive mode`)
  await tx.execute(sql`declare plugin_dump no scroll cursor for select row_to_json(t)::text as line from ${name} as t`)
  for (;;) {
    const page = await tx.execute<{ line: string }>(sql.raw(`fetch ${ROWS_AT_ONCE} from plugin_dump`))
    for (const { line } of page) yield `${line}\n`
    if (page.length < ROWS_AT_ONCE) break
  }
  await tx.execute(sql`close plugin_dump`)
}
