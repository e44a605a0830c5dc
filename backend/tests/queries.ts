import type { TestApp } from '#backend/tests/harness'

/** What no request asks: the epoch is read once a second, the shipper moves the log, a new connection learns its types. */
const NOBODYS_REQUEST = /sys_access_epoch|sys_audit_stream|pg_catalog/

/** How many reading queries the pool is sent while `work` runs, for its requests alone; what is written is not counted. */
export async function countReads<T>(t: TestApp, work: () => Promise<T>): Promise<{ queries: number; answer: T }> {
  // That the session was used is written once in a while, and not for this request.
  await t.host.activity.settled()
  let queries = 0
  const { options } = t.host.database.sql
  const before = options.debug
  options.debug = (_connection, query) => {
    if (/^\s*(select|with)\b/i.test(query) && !NOBODYS_REQUEST.test(query)) queries += 1
  }
  try {
    return { answer: await work(), queries }
  } finally {
    options.debug = before
  }
}
