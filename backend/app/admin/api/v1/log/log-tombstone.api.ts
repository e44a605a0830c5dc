import { LogTombstoneDetail, LogTombstoneQuery } from '#backend/app/admin/schema/log-tombstone.schema'
import * as logTombstoneService from '#backend/app/admin/service/log-tombstone.service'
import { envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import type { App } from '#backend/core/app'

/** What was removed from the logs. There is nothing here that changes it. */
export async function logTombstoneApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: Object.values(logTombstoneService.READ_CODES) } },
      schema: {
        summary: 'Removals of log entries, the newest first',
        tags: ['Log removals'],
        querystring: LogTombstoneQuery,
        response: { 200: envelope(pageOf(LogTombstoneDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await logTombstoneService.list(ctx, query), query, url)),
  )
}
