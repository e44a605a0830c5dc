import {
  countUnchained,
  type Fault,
  type StreamReport,
  verifyAll,
} from '#backend/app/admin/service/audit-verify.service'
import { systemCtx } from '#backend/core/host'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'

const SAID: Readonly<Record<Fault['kind'], string>> = {
  altered: 'is altered',
  missing: 'is missing',
  'out of order': 'is out of order',
  added: 'was added',
  'head removed': 'its position was removed',
  'head altered': 'its position was altered',
}

/** Checks the chain of every stream of the operation log; fails, and names the first bad record, where one is broken. */
export async function verify(): Promise<void> {
  const { reports, unchained } = await withHost(async (host) => {
    const ctx = systemCtx(host)
    return { reports: await verifyAll(ctx), unchained: await countUnchained(ctx) }
  })
  for (const report of reports) console.log(lineOf(report))
  const faults = reports.filter(({ fault }) => fault !== undefined)
  if (unchained > 0)
    console.log(`${unchained} rows are in no stream: nothing shows whether they are as they were written`)
  if (faults.length > 0) throw new Mistake(`${faults.length} of ${reports.length} streams are broken`)
  const sum = (count: (report: StreamReport) => number) => reports.reduce((total, report) => total + count(report), 0)
  const [verified, removed] = [sum(({ verified_count }) => verified_count), sum(({ removed_count }) => removed_count)]
  console.log(`${reports.length} streams, ${verified} records verified, ${removed} removed with a note`)
}

function lineOf({ stream, verified_count, removed_count, fault }: StreamReport): string {
  const counts = `${stream}  ${verified_count} verified, ${removed_count} removed`
  if (fault === undefined) return counts
  const row = fault.id === null ? '' : ` (row ${fault.id})`
  const subject = fault.kind.startsWith('head') ? '' : `record ${fault.seq}${row} `
  return `${counts}; ${subject}${SAID[fault.kind]}`
}
