import type { PluginFiles } from '#backend/core/plugin/install/archive'

export type Sources = Readonly<Record<string, string>>

/** A small plugin that is sound in every way: a table, a route, a permission, a page, texts in both languages. */
export const SOUND: Sources = {
  'plugin.json': JSON.stringify({
    name: 'greeting',
    title: 'Greetings',
    summary: 'Says hello',
    version: '1.0.0',
    description: 'A plugin to test with',
    author: 'tests',
    permissions: ['greeting:get'],
    capabilities: ['routes', 'models', 'menus', 'migrations'],
    tables: ['greeting_word'],
  }),
  'plugin.ts': `import { page } from '#backend/common/menu-seed'
import { definePlugin } from '#backend/core/plugin/definition'
import { greetingApi } from '#backend/plugin/greeting/api/greeting.api'
import { word } from '#backend/plugin/greeting/model/word.model'

export const plugin = definePlugin({
  api: greetingApi,
  models: [word],
  menus: [page('Greeting', 'Greetings', 1, '/greeting', 'mdi:hand', '/plugins/greeting/index', { perms: 'greeting:get' })],
  translations: { 'zh-CN': { 'greeting.none': '没有问候语' }, 'en-US': { 'greeting.none': 'No greeting' } },
})
`,
  'api/greeting.api.ts': `import { z } from 'zod'
import { envelope, ok } from '#backend/common/envelope'
import type { App } from '#backend/core/app'
import * as greetingService from "../service/greeting.service.js"

export async function greetingApi(app: App): Promise<void> {
  app.get(
    '/words',
    {
      config: { access: { permission: 'greeting:get' } },
      schema: { summary: 'List the words', response: { 200: envelope(z.array(z.string())) } },
    },
    async ({ ctx }) => ok(await greetingService.list(ctx)),
  )
}
`,
  'service/greeting.service.ts': `import type { Ctx } from '#backend/core/ctx'
import * as wordCrud from '#backend/plugin/greeting/crud/word.crud'

export const list = (ctx: Ctx) => wordCrud.list(ctx.db)
`,
  'crud/word.crud.ts': `import type { Db } from '#backend/database/db'
import { word } from '#backend/plugin/greeting/model/word.model'

export async function list(db: Db): Promise<string[]> {
  const rows = await db.select().from(word)
  return rows.map(({ text }) => text)
}
`,
  'model/word.model.ts': `import { pgTable, varchar } from 'drizzle-orm/pg-core'
import { id } from '#backend/database/columns'

export const word = pgTable('greeting_word', { id: id(), text: varchar('text', { length: 64 }).notNull() })
`,
  'migrations/0000_words.up.sql': `create table greeting_word (id bigserial primary key, text varchar(64) not null);
insert into greeting_word (text) values ('hello');
`,
  'migrations/0000_words.down.sql': 'drop table greeting_word;\n',
}

/** The sound plugin with some files in another form; undefined leaves one out. */
export function pluginWith(changes: Readonly<Record<string, string | undefined>> = {}): PluginFiles {
  const sources = Object.entries({ ...SOUND, ...changes })
  return new Map(sources.flatMap(([path, text]) => (text === undefined ? [] : [[path, Buffer.from(text)] as const])))
}

/** The manifest of the sound plugin with some fields in another form; undefined leaves one out. */
export function manifestWith(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(SOUND['plugin.json'] ?? '') as object), ...changes })
}
