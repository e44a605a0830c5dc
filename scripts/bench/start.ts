import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt, MAIN } from './built.js'
import { type Child, startChild } from './child.js'
import { machine, median } from './numbers.js'

const FIRST_TARGET_MS = 5_000
const NEXT_TARGET_MS = 2_000
const NEXT_STARTS = 3
/** An operation that needs the whole program, and answers to anybody. */
const READY_PATH = '/api/v1/auth/captcha'

interface Started extends Child {
  /** Up to the first answer, without PostgreSQL. */
  cpu_ms: number | undefined
}

/** From nothing to the first answer on the embedded default: with an empty data folder, and then on what is there. */
export async function benchStart(): Promise<void> {
  ensureBuilt()
  const folder = mkdtempSync(join(tmpdir(), 'fba-bench-start-'))
  try {
    console.log(
      `node ${process.version}, ${machine()}; from the start of the process to the first answer of ${READY_PATH}\n`,
    )
    const first = await once(folder)
    report('first start (initdb, migrations, seeds)', first, FIRST_TARGET_MS)
    const next: number[] = []
    for (let number = 1; number <= NEXT_STARTS; number += 1) {
      const child = await once(folder)
      report(`next start ${number}`, child, NEXT_TARGET_MS)
      next.push(child.first_answer_ms)
    }
    console.log(
      `first ${ms(first.first_answer_ms)} (target ${FIRST_TARGET_MS}), next ${ms(median(next))} in the median (target ${NEXT_TARGET_MS})`,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** In a folder of its own, so that no `.env` is read. */
async function once(folder: string): Promise<Started> {
  const child = await startChild({
    args: ['--enable-source-maps', MAIN],
    cwd: folder,
    env: { DATA_DIR: join(folder, 'data') },
    ready_path: READY_PATH,
  })
  const cpu_ms = child.cpuMs()
  await child.stop()
  return { ...child, cpu_ms }
}

/** Where the time went is seen by when each line of the log came. */
function report(name: string, { first_answer_ms, cpu_ms, lines }: Started, target_ms: number): void {
  const verdict = first_answer_ms <= target_ms ? 'within' : 'ABOVE'
  const cpu = cpu_ms === undefined ? '' : `; ${ms(cpu_ms)} of processor time in the process itself`
  console.log(`${name}: ${ms(first_answer_ms)}, ${verdict} the target of ${target_ms} ms${cpu}`)
  for (const { at_ms, text } of lines)
    if (at_ms <= first_answer_ms && text.trim() !== '') console.log(`  ${ms(at_ms).padStart(9)}  ${text.trim()}`)
  console.log('')
}

const ms = (value: number) => `${Math.round(value)} ms`
