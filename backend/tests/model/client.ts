export interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below /api/v1. */
  path: string
  token?: string
  refresh_token?: string
  /** As a proxy says it. */
  address?: string
  body?: unknown
}

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: the shape under test is what a test asserts
  body: any
  refresh_token: string | undefined
}

const TIMEOUT_MS = 20_000
const COOKIE = 'fba_refresh_token'

export async function send(url: string, request: Request): Promise<Reply> {
  const { method, path, token, refresh_token, address, body } = request
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(refresh_token === undefined ? {} : { cookie: `${COOKIE}=${refresh_token}` }),
      ...(address === undefined ? {} : { 'x-forwarded-for': address }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const cookie = response.headers.getSetCookie().find((text) => text.startsWith(`${COOKIE}=`))
  return {
    status: response.status,
    body: await response.json(),
    refresh_token: cookie === undefined ? undefined : /=([^;]+)/.exec(cookie)?.[1],
  }
}
