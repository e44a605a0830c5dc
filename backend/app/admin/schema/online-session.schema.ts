import { z } from 'zod'
import { PAGE_SIZE_MAX, PageQuery } from '#backend/common/paging'
import { DateTime, int, name, text } from '#backend/common/schema'

/** The answer is a bare list, and clients that know nothing of pages get as much as there is to get at once. */
export const OnlineSessionQuery = PageQuery.extend({
  size: int(1, PAGE_SIZE_MAX).prefault(PAGE_SIZE_MAX).describe(`Sessions per page, at most ${PAGE_SIZE_MAX}`),
  username: text(64).optional().describe("Part of the user name; one's own name gives one's own sessions alone"),
})
export type OnlineSessionQuery = z.output<typeof OnlineSessionQuery>

export const EndSessionQuery = z.object({ session_uuid: name(64).describe('Which session of the user') })
export type EndSessionQuery = z.output<typeof EndSessionQuery>

export const OnlineSession = z.object({
  id: z.int().describe('Id of the user'),
  session_uuid: z.string(),
  username: z.string(),
  nickname: z.string(),
  ip: z.string(),
  os: z.string(),
  browser: z.string(),
  device: z.string(),
  status: z.int().describe('1 used within the last minutes, 0 not'),
  last_login_time: DateTime.describe('When the session was opened, as YYYY-MM-DD HH:mm:ss'),
  expire_time: DateTime.describe('When it ends whatever happens, as YYYY-MM-DD HH:mm:ss'),
})
