import * as dataRuleCrud from '#backend/app/admin/crud/data-rule.crud'
import type { DataRule } from '#backend/app/admin/model/data-rule.model'
import { splitCodes } from '#backend/common/codes'
import { MENU_TYPE } from '#backend/common/enums'
import { findIdleFault, type RuleFault } from '#backend/common/rule-check'
import type { Host } from '#backend/core/host'
import { translate } from '#backend/locale/translate'
import { codesOf, type RouteAccess } from '#backend/middleware/access'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'
import { buildApp } from '#backend/server'

export interface MenuRow {
  id: number
  parent_id: number | null
  title: string
  name: string
  type: number
  perms: string | null
}

/** Prints every permission with the routes it opens and the menus that give it; with `check` fails where the two sides differ. */
export async function list({ check }: { check?: boolean }): Promise<void> {
  const { routes, menus } = await withHost(async (host) => ({
    routes: await routesOf(host),
    menus: await menusOf(host),
  }))
  const codes = [...new Set([...declared(routes), ...menus.flatMap(carried)])].sort()
  for (const code of codes) {
    console.log(code)
    for (const { method, url } of routes.filter(({ access }) => codesOf(access).includes(code)))
      console.log(`  route  ${method} ${url}`)
    for (const menu of menus.filter((row) => carried(row).includes(code)))
      console.log(`  menu   ${titleOf(menu, menus)}`)
  }
  if (check !== true) return
  const problems = mismatches(routes, menus)
  if (problems.length > 0) throw new Mistake(problems.join('\n'))
  console.log(`${codes.length} permissions, routes and menus agree`)
}

/** Reports the data rules that never match a row, because of what they name or hold; fails when there is one. */
export async function check(): Promise<void> {
  const { rules, models } = await withHost(async (host) => ({
    rules: await dataRuleCrud.listAll(host.shared.db),
    models: host.parts().scoped_models,
  }))
  const reports = rules.flatMap((rule) => {
    const fault = findIdleFault(models, rule)
    return fault === undefined ? [] : [report(rule, fault)]
  })
  for (const line of reports) console.log(line)
  if (reports.length > 0) throw new Mistake(`${reports.length} of ${rules.length} data rules match nothing`)
  console.log(`${rules.length} data rules, none that could never match`)
}

function report({ id, name, ...rule }: DataRule, { field, key, params }: RuleFault): string {
  // JSON, so that a line break of an old database stays on the line.
  const held = `${field} ${JSON.stringify(rule[field])}`
  return `${id}  ${JSON.stringify(name)}  ${held}: ${translate('en-US', key, params)}`
}

/**
 * Codes that a route asks for and no menu gives, and codes that only menus know. A page is
 * there once a route names one of its codes first; until then its buttons are no fault, though a shared list may take its
 * read code among others.
 */
export function mismatches(routes: readonly RouteAccess[], menus: readonly MenuRow[]): string[] {
  const asked = declared(routes)
  const given = new Set(menus.flatMap(carried))
  const first = new Set(routes.flatMap(({ access }) => codesOf(access).slice(0, 1)))
  const exists = (page: MenuRow) => codesBelow(page, menus).some((code) => first.has(code))
  const missing = [...asked].filter((code) => !given.has(code)).map((code) => `${code}: no menu carries it`)
  const unknown = menus
    .flatMap((row) => carried(row).map((code) => ({ row, code })))
    .filter(({ row, code }) => !asked.has(code) && exists(pageOf(row, menus)))
    .map(({ row, code }) => `${code}: no route asks for it, but the menu ${titleOf(row, menus)} carries it`)
  return [...missing, ...unknown]
}

async function routesOf(host: Host): Promise<RouteAccess[]> {
  const app = await buildApp(host)
  await app.ready()
  // HEAD goes with GET and says nothing more.
  const routes = app.routeAccess.filter(({ method }) => method !== 'HEAD')
  await app.close()
  return routes
}

async function menusOf({ database }: Host): Promise<MenuRow[]> {
  const rows = await database.sql<MenuRow[]>`
    select id::float8, parent_id::float8, title, name, type, perms from sys_menu order by id`
  return [...rows]
}

const declared = (routes: readonly RouteAccess[]) => new Set(routes.flatMap(({ access }) => codesOf(access)))
const carried = ({ perms }: MenuRow) => splitCodes(perms ?? '')

function parentOf({ parent_id }: MenuRow, menus: readonly MenuRow[]): MenuRow | undefined {
  return parent_id === null ? undefined : menus.find(({ id }) => id === parent_id)
}

const BUTTON = MENU_TYPE.button

/** The row itself, or of a button the page it is on. */
function pageOf(row: MenuRow, menus: readonly MenuRow[]): MenuRow {
  const parent = row.type === BUTTON ? parentOf(row, menus) : undefined
  return parent ?? row
}

function codesBelow(page: MenuRow, menus: readonly MenuRow[]): string[] {
  return [page, ...menus.filter(({ parent_id, type }) => parent_id === page.id && type === BUTTON)].flatMap(carried)
}

/** A button is called the same on every page. */
function titleOf(row: MenuRow, menus: readonly MenuRow[]): string {
  const parent = parentOf(row, menus)
  return row.type === BUTTON && parent !== undefined ? `${parent.title} / ${row.title}` : row.title
}
