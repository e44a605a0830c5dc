import { randomUUID } from 'node:crypto'
import type { AuditRecord } from '#backend/core/audit/record'

/** Requests whose records could not be kept. They are counted, so that the log itself says that it misses some. */
export interface Gap {
  /** `opera_time`: of the record that is missing. True: it is the first since what is missing was said. */
  add(opera_time: string): boolean
  /** What is missing, to be said once; undefined: nothing is. */
  take(): TakenGap | undefined
}

export interface TakenGap {
  readonly record: AuditRecord
  /** The record could not be kept either. */
  restore(): void
}

interface Missing {
  count: number
  from: string
  to: string
}

export function createGap(): Gap {
  let missing: Missing | undefined

  function put(more: Missing): void {
    missing = missing === undefined ? more : merge(missing, more)
  }

  return {
    add(opera_time) {
      const isFirst = missing === undefined
      put({ count: 1, from: opera_time, to: opera_time })
      return isFirst
    },
    take() {
      const taken = missing
      missing = undefined
      return taken === undefined ? undefined : { record: gapRecord(taken), restore: () => put(taken) }
    },
  }
}

/** ISO 8601 times in UTC are ordered as texts. */
function merge(a: Missing, b: Missing): Missing {
  const times = [a.from, a.to, b.from, b.to].sort()
  return { count: a.count + b.count, from: times[0] ?? a.from, to: times.at(-1) ?? b.to }
}

function gapRecord({ count, from, to }: Missing): AuditRecord {
  return ownRecord({
    method: 'GAP',
    title: 'Requests that are not in this log',
    status: 0,
    msg: `${count} between ${from} and ${to}: there was no room for their records`,
    args: { count, from, to },
  })
}

/** A record of what the log itself did. */
export function ownRecord(
  fields: Pick<AuditRecord, 'method' | 'title' | 'status' | 'msg'> & { args: Record<string, unknown> },
): AuditRecord {
  return {
    trace_id: randomUUID().replaceAll('-', ''),
    username: 'system',
    path: '',
    ip: '127.0.0.1',
    country: null,
    region: null,
    city: null,
    user_agent: null,
    os: null,
    browser: null,
    device: null,
    code: fields.status === 1 ? '200' : '503',
    cost_time: 0,
    opera_time: new Date().toISOString(),
    diff: null,
    ...fields,
    args: JSON.stringify(fields.args),
  }
}
