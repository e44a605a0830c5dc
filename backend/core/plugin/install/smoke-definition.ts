import { getTableName, is } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { splitCodes } from '#backend/common/codes'
import type { MenuSeed } from '#backend/common/menu-seed'
import type { PluginDefinition, PluginMenu } from '#backend/core/plugin/definition'
import type { SmokeReport } from '#backend/core/plugin/install/smoke-report'
import { capabilitiesOf, tablesOf } from '#backend/core/plugin/loaded'

/** A plugin that runs, but is not what a plugin has to be. */
export class Unfit extends Error {}

const run = z.custom<() => unknown>((value) => typeof value === 'function', { error: 'must be a function' })
const text = z.string().min(1).max(256)

const Menu: z.ZodType = z.lazy(() =>
  z.strictObject({
    name: text,
    title: text,
    type: z.int().min(0).max(4),
    sort: z.int(),
    display: z.int().min(0).max(1),
    path: text.nullable(),
    icon: text.nullable(),
    component: text.nullable(),
    perms: text.nullable(),
    children: z.array(Menu),
    parent: text.optional(),
  }),
)

const Table = z.custom<PgTable>((value) => is(value, PgTable), { error: 'is no table, or one of another Drizzle' })
const Model = z.object({ name: text, table: Table })
const Texts = z.record(z.string().max(128), z.string().max(1024))

/** The shape of what `plugin.ts` exports: TypeScript saw it, if anybody did, on the author's machine only. */
const Definition = z.strictObject({
  api: run.optional(),
  models: z.array(Table).max(64).optional(),
  scoped_models: z.array(Model).max(64).optional(),
  hooks: z.record(text, run).optional(),
  overrides: run.optional(),
  tasks: z.record(text, z.strictObject({ cron: text, run })).optional(),
  translations: z.strictObject({ 'zh-CN': Texts, 'en-US': Texts }).optional(),
  menus: z.array(Menu).max(256).optional(),
  seed: run.optional(),
})

export interface Brought extends Omit<SmokeReport, 'routes'> {
  readonly definition: PluginDefinition
}

/** What a plugin's export brings. Throws Unfit where it is no definition. */
export function readDefinition(exported: unknown): Brought {
  if (exported === undefined) throw new Unfit('plugin.ts exports no `plugin`')
  const parsed = Definition.safeParse(exported)
  const [issue] = parsed.error?.issues ?? []
  if (issue !== undefined) throw new Unfit(`${['plugin', ...issue.path].join('.')}: ${issue.message}`)
  const definition = exported as PluginDefinition
  return {
    definition,
    models: (definition.scoped_models ?? []).map(({ name }) => name),
    tables: tablesOf(definition).map(getTableName),
    hooks: Object.keys(definition.hooks ?? {}),
    tasks: Object.keys(definition.tasks ?? {}),
    menus: (definition.menus ?? []).flatMap((menu) => flattened(menu)),
    message_keys: messageKeys(definition),
    capabilities: capabilitiesOf(definition),
  }
}

function flattened(menu: PluginMenu): SmokeReport['menus'] {
  const { name, parent = null, perms, children } = menu
  const below = children.flatMap((child: MenuSeed) => flattened({ ...child, parent: name }))
  return [{ name, parent, permissions: splitCodes(perms ?? '') }, ...below]
}

function messageKeys({ translations }: PluginDefinition): string[] {
  if (translations === undefined) return []
  const [keys, others] = [Object.keys(translations['zh-CN']).sort(), Object.keys(translations['en-US']).sort()]
  const single = [...keys.filter((key) => !others.includes(key)), ...others.filter((key) => !keys.includes(key))]
  if (single[0] !== undefined) throw new Unfit(`plugin.translations: ${single[0]} is there in one language only`)
  return keys
}
