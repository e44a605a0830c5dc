import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { ownRecord } from '#backend/core/audit/gap'
import type { AuditRecord } from '#backend/core/audit/record'

/** A record that can be told from others by its message. */
export const record = (msg: string, fields: Partial<AuditRecord> = {}): AuditRecord => ({
  ...ownRecord({ method: 'POST', title: 'A test', status: 1, msg, args: {} }),
  ...fields,
})

/** A folder for one test, and a log whose lines can be read. */
export function workplace() {
  const root = mkdtempSync(join(tmpdir(), 'fba-audit-'))
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  return { root, log, lines, remove: () => rmSync(root, { recursive: true, force: true }) }
}
