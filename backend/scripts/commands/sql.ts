import { readFile } from 'node:fs/promises'
import { sql } from 'drizzle-orm'
import { type Ctx, withTx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { controlsTransaction, lineAt, type SqlStatement, splitSql } from '#backend/database/sql-statements'
import { withHost } from '#backend/scripts/cli-host'
import { explain, Mistake } from '#backend/scripts/explain'

/** Runs a whole file in one transaction: an error in its last statement undoes the first. */
export async function run(file: string): Promise<void> {
  const statements = splitSql(await read(file))
  if (statements.length === 0) throw new Mistake(`${file}: holds no statement`)
  const own = statements.find(controlsTransaction)
  if (own !== undefined)
    throw new Mistake(`${file}:${own.line}: the file is one transaction already; remove '${firstWords(own)}'`)
  await withHost(async (host) => {
    const reports = await withTx(systemCtx(host), async (ctx) => {
      const done: string[] = []
      for (const statement of statements) done.push(await runOne(ctx, file, statement))
      // Whatever the file changed, servers that run must not go by what they knew before.
      await ctx.actors.touch(ctx, ['all'])
      return done
    })
    for (const report of reports) console.log(report)
    console.log(`${statements.length} statements committed`)
  })
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Mistake(
      `${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : explain(error)}`,
    )
  }
}

async function runOne(ctx: Ctx, file: string, statement: SqlStatement): Promise<string> {
  try {
    // The driver's result is an array of rows that also tells the command and how many rows it touched.
    const result = (await ctx.db.execute(sql.raw(statement.text))) as unknown as { command?: string; count?: number }
    const count = result.count ?? 0
    return `${file}:${statement.line}: ${result.command ?? firstWords(statement)}, ${count} ${count === 1 ? 'row' : 'rows'}`
  } catch (error) {
    throw new Mistake(`${file}:${lineOf(error, statement)}: ${explain(error)}. Nothing was changed.`, { cause: error })
  }
}

/** PostgreSQL tells the place of a mistake in the text; of one that only shows in the data, the statement's is known. */
function lineOf(error: unknown, { text, line }: SqlStatement): number {
  const position = Number(((error as Error).cause as { position?: string } | undefined)?.position)
  return Number.isInteger(position) && position > 0 ? line + lineAt(text, position - 1) - 1 : line
}

const firstWords = ({ text }: SqlStatement) => text.split(/\s+/).slice(0, 2).join(' ')
