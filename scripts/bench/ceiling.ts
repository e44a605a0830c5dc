import fastify from 'fastify'
import postgres from 'postgres'
import { departmentTree, me, usersPage } from './ceiling-queries.js'

// What no product on this stack can be faster than: a bare Fastify on the same driver, the same pool and the same queries,
// hand-written and prepared, answering the same JSON by JSON.stringify. No guard, no validation, no log.

const { DATABASE_URL = '', PORT = '0', USER_ID = '', TIME_ZONE = 'Asia/Shanghai' } = process.env
const WIRE_TIME_LENGTH = 19
const POOL_SIZE = 10

const sql = postgres(DATABASE_URL, {
  max: POOL_SIZE,
  connection: { TimeZone: TIME_ZONE, DateStyle: 'ISO, YMD' },
  types: {
    id: { to: 20, from: [20], parse: Number, serialize: String },
    time: { to: 1184, from: [1184], parse: (text: string) => text.slice(0, WIRE_TIME_LENGTH), serialize: String },
  },
})

const app = fastify()
const answers: Record<string, (query: Record<string, string>) => Promise<unknown>> = {
  '/api/v1/sys/users/me': () => me(sql, Number(USER_ID)),
  '/api/v1/sys/users': ({ page = '1', size = '20' }) => usersPage(sql, Number(page), Number(size)),
  '/api/v1/sys/depts': () => departmentTree(sql),
}
for (const [path, answer] of Object.entries(answers))
  app.get(path, async (request, reply) => {
    const data = await answer(request.query as Record<string, string>)
    return reply.type('application/json; charset=utf-8').send(JSON.stringify({ code: 200, msg: '请求成功', data }))
  })
app.get('/ready', async () => 'ready')

process.once('SIGTERM', () => {
  app
    .close()
    .then(() => sql.end({ timeout: 1 }))
    .then(
      () => process.exit(0),
      () => process.exit(1),
    )
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
