import type { Child } from './child.js'

export const USER_PASSWORD = 'Bench-Session-1'

export interface Session {
  session_uuid: string
  headers: { authorization: string }
}
export interface User {
  id: number
  username: string
}

export async function api(child: Child, method: string, path: string, headers: Record<string, string>, body?: object) {
  const response = await fetch(`${child.url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const { msg, data } = (await response.json()) as { msg: string; data: unknown }
  if (response.status !== 200) throw new Error(`${method} ${path} was answered with ${response.status}: ${msg}`)
  return data
}

let networks = 0
/** From another address each time, for sign-ins are limited by it. */
export async function signIn(child: Child, username: string, password: string): Promise<Session> {
  networks += 1
  const address = { 'x-forwarded-for': `10.1.${networks >> 8}.${networks & 255}` }
  const data = await api(child, 'POST', '/auth/login', address, { username, password })
  const { access_token, session_uuid } = data as { access_token: string; session_uuid: string }
  return { session_uuid, headers: { authorization: `Bearer ${access_token}` } }
}

/** Somebody of the staff without a role, who may hold many sessions. */
export async function makeUser(child: Child, { headers }: Session, username: string): Promise<User> {
  const find = async () => (await api(child, 'GET', '/sys/depts?name=Bench', headers)) as { id: number }[]
  if ((await find()).length === 0)
    await api(child, 'POST', '/sys/depts', headers, { name: 'Bench', parent_id: null, status: 1 })
  const [dept] = await find()
  const fields = { username, password: USER_PASSWORD, dept_id: dept?.id, roles: [] }
  const { id } = (await api(child, 'POST', '/sys/users', headers, fields)) as User
  await api(child, 'PUT', `/sys/users/${id}/permissions?type=multi_login`, headers)
  return { id, username }
}
