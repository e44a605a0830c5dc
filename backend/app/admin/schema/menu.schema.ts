import { z } from 'zod'
import { MENU_TYPE } from '#backend/common/enums'
import { DateTime, Id, INT32_MAX, int, intEnum, name, nullable, Status, text } from '#backend/common/schema'

const TITLE_MAX = 64
const REMARK_MAX = 1000
/** Browsers open a link, or show it in a frame, with the session of whoever clicks it: no `javascript:` and the like. */
const WEB_ADDRESS = /^https?:\/\/[^\s\p{Cc}]+$/iu
/** One or more permission codes, separated by commas. */
const CODES = /^[A-Za-z0-9_.:-]+(,[A-Za-z0-9_.:-]+)*$/

export const MenuQuery = z.object({
  title: text(TITLE_MAX).optional().describe('Part of the title'),
  status: Status.optional(),
})
export type MenuQuery = z.output<typeof MenuQuery>

const Menu = z
  .object({
    title: name(TITLE_MAX).describe("Text, or a key of the front end's dictionary; unique among its siblings"),
    name: name(64).describe('Name of the route; unique among the menus that are not buttons'),
    path: nullable(text(200)).describe('Path of the route'),
    parent_id: nullable(Id).describe('Id of the menu above; null at the top'),
    sort: int(0, INT32_MAX).prefault(0).describe('Position among its siblings, ascending'),
    icon: nullable(text(128)).describe('Name of an icon, or the address of a picture'),
    type: intEnum(Object.values(MENU_TYPE)).describe('0 directory, 1 page, 2 button, 3 embedded page, 4 external link'),
    component: nullable(text(256)).describe('The view of the front end'),
    perms: nullable(text(128).regex(CODES)).describe('Permission codes, separated by commas'),
    status: Status,
    display: Status.describe('1 shown in the sidebar, 0 hidden'),
    cache: Status.describe('1 when the front end keeps the page alive'),
    link: nullable(text(2048).regex(WEB_ADDRESS, { error: 'validation.web_address' })).describe(
      'Address that an embedded page shows or an external link opens',
    ),
    remark: nullable(text(REMARK_MAX)).describe('Remark'),
  })
  .refine(({ type, link }) => link !== null || (type !== MENU_TYPE.embedded && type !== MENU_TYPE.link), {
    error: 'menu.link_required',
    path: ['link'],
  })

export const CreateMenu = Menu
export type CreateMenu = z.output<typeof CreateMenu>

/** A full replacement. */
export const UpdateMenu = Menu
export type UpdateMenu = z.output<typeof UpdateMenu>

export const MenuDetail = z
  .object({
    id: z.int(),
    title: z.string(),
    name: z.string(),
    path: z.string().nullable(),
    parent_id: z.int().nullable(),
    sort: z.int(),
    icon: z.string().nullable(),
    type: z.int(),
    component: z.string().nullable(),
    perms: z.string().nullable(),
    status: z.int(),
    display: z.int(),
    cache: z.int(),
    link: z.string().nullable(),
    remark: z.string().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
  })
  .describe('A menu')

export const MenuTree = MenuDetail.extend({
  get children(): z.ZodNullable<z.ZodArray<typeof MenuTree>> {
    return z.array(MenuTree).nullable()
  },
}).meta({ id: 'MenuTree', description: 'A menu and what is below it' })

/** A route of the front end. */
export const SidebarNode = z
  .object({
    id: z.int(),
    name: z.string(),
    path: z.string().nullable(),
    sort: z.int(),
    type: z.int(),
    component: z.string().nullable(),
    perms: z.string().nullable(),
    remark: z.string().nullable(),
    parent_id: z.int().nullable(),
    created_time: DateTime,
    updated_time: DateTime.nullable(),
    meta: z.object({
      title: z.string(),
      icon: z.string().nullable(),
      iframeSrc: z.string().describe('Of an embedded page; empty otherwise'),
      link: z.string().describe('Of an external link; empty otherwise'),
      keepAlive: z.int(),
      hideInMenu: z.boolean(),
      menuVisibleWithForbidden: z.boolean().describe('The menu is disabled: it shows, its page is refused'),
    }),
    get children(): z.ZodOptional<z.ZodArray<typeof SidebarNode>> {
      return z.array(SidebarNode).optional()
    },
  })
  .meta({ id: 'SidebarNode', description: 'A route of the front end' })
export type SidebarNode = z.output<typeof SidebarNode>
