import { z } from 'zod'
import { LOGIN_STATUS } from '#backend/common/enums'
import { PageQuery } from '#backend/common/paging'
import { DateTime, intEnum, text } from '#backend/common/schema'

export const LoginLogQuery = PageQuery.extend({
  username: text(64).optional().describe('Part of the user name'),
  status: intEnum(Object.values(LOGIN_STATUS)).optional().describe('1 succeeded, 0 failed'),
  ip: text(64).optional().describe('Start of the address'),
})
export type LoginLogQuery = z.output<typeof LoginLogQuery>

export const LoginLogDetail = z.object({
  id: z.int(),
  user_uuid: z.string().describe('Empty when there is no such user'),
  username: z.string().describe('As it was typed'),
  status: z.int().describe('1 succeeded, 0 failed'),
  ip: z.string(),
  country: z.string().nullable(),
  region: z.string().nullable(),
  city: z.string().nullable(),
  user_agent: z.string().nullable(),
  os: z.string().nullable(),
  browser: z.string().nullable(),
  device: z.string().nullable(),
  msg: z.string(),
  login_time: DateTime,
  created_time: DateTime,
})
