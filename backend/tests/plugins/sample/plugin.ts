import { sql } from 'drizzle-orm'
import { pgTable, timestamp, varchar } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { Done, envelope, ok } from '#backend/common/envelope'
import { Conflict } from '#backend/common/errors'
import { button, page } from '#backend/common/menu-seed'
import { scopeOf } from '#backend/common/row-scope'
import { definePlugin } from '#backend/core/plugin/definition'
import { bigId, id } from '#backend/database/columns'
import { scopedModel } from '#backend/database/scoped-model'

const sample = pgTable('fixture_sample', {
  id: id(),
  name: varchar('name', { length: 64 }).notNull(),
  owner_id: bigId('owner_id'),
})
const sampleRun = pgTable('fixture_sample_run', { id: id(), ran_time: timestamp('ran_time').notNull().defaultNow() })
const sampleScoped = scopedModel('Sample', sample, {
  columns: { name: 'Name', owner_id: 'Author' },
  owner_column: 'owner_id',
})

const translations = {
  'zh-CN': { 'sample.name_taken': '样本 {name} 已存在' },
  'en-US': { 'sample.name_taken': 'The sample {name} exists already' },
}
type Texts = Record<keyof (typeof translations)['zh-CN'], string>
declare module '#backend/locale/translate' {
  interface PluginMessages extends Texts {}
}

const tags = ['Samples']
const Body = z.object({ name: z.string().min(1).max(64).describe('Name, unique') })

export const plugin = definePlugin({
  translations,
  models: [sampleRun],
  scoped_models: [sampleScoped],
  hooks: {
    'user.created': async (ctx, { user_id }) => {
      const name = `user ${user_id}`
      const [made] = await ctx.db.execute<{ nickname: string }>(
        sql`select nickname from sys_user where id = ${user_id}`,
      )
      await ctx.db.insert(sample).values({ name })
      if (made?.nickname === 'not welcome') throw new Conflict('sample.name_taken', { params: { name } })
    },
  },
  overrides: async () => ({ USER_LOCK_SECONDS: '77' }),
  async api(app, { settings }) {
    app.get(
      '/samples',
      {
        config: { access: { permission: 'sample:get' } },
        schema: {
          summary: 'Samples',
          tags,
          response: { 200: envelope(z.object({ greeting: z.string(), names: z.array(z.string()) })) },
        },
      },
      async ({ ctx }) => {
        const rows = await ctx.db
          .select({ name: sample.name })
          .from(sample)
          .where(scopeOf(ctx.actor, sampleScoped).where)
        return ok({ greeting: String(settings.SAMPLE_GREETING), names: rows.map(({ name }) => name) })
      },
    )
    app.post(
      '/samples/:name/copies',
      {
        config: { access: { permission: 'sample:add' } },
        schema: { summary: 'Copy a sample', tags, params: Body, body: Body, response: { 200: Done } },
      },
      async ({ ctx, body: { name } }) => {
        const rows = await ctx.db.insert(sample).values({ name }).onConflictDoNothing().returning()
        if (rows.length === 0) throw new Conflict('sample.name_taken', { params: { name } })
        return ok()
      },
    )
  },
  tasks: {
    count: {
      cron: '* * * * * *',
      async run(ctx) {
        await ctx.db.execute(sql`insert into fixture_sample_run default values`)
      },
    },
  },
  menus: [
    {
      parent: 'System',
      ...page('SamplePage', 'Samples', 99, '/system/sample', 'lucide:box', '/system/sample/index', {
        perms: 'sample:get',
        children: [button('AddSample', 'Add', 'sample:add')],
      }),
    },
  ],
  async seed({ db }) {
    await db.insert(sample).values({ name: 'first' }).onConflictDoNothing()
  },
})
