import * as menuCrud from '#backend/app/admin/crud/menu.crud'
import type { Menu } from '#backend/app/admin/model/menu.model'
import type { SidebarNode } from '#backend/app/admin/schema/menu.schema'
import { MENU_TYPE, STATUS } from '#backend/common/enums'
import { buildTree, type TreeNode } from '#backend/common/tree'
import type { Ctx } from '#backend/core/ctx'

/**
 * Names of the routes that the front end cannot work without, whatever the roles say: it lands on Analytics after a
 * sign-in, which lies below Dashboard, and the entry of one's own profile fails without Profile. They protect nothing;
 * one that is given a code is left to the roles again.
 */
const EVERYBODYS_ROUTES = ['Dashboard', 'Analytics', 'Profile'] as const

/** The routes of the actor, as the front end builds its sidebar from them; disabled ones show and are refused. */
export async function list(ctx: Ctx): Promise<SidebarNode[]> {
  const { is_superuser, role_ids } = ctx.actor
  const rows = is_superuser
    ? await menuCrud.listNavigable(ctx.db)
    : await menuCrud.listNavigableOf(ctx.db, role_ids, EVERYBODYS_ROUTES)
  return buildTree(withoutHidden(rows, ctx.hidden_menus)).map(toNode)
}

/** Without the menus of plugins out of use, and all that lies below them. */
function withoutHidden(rows: readonly Menu[], names: ReadonlySet<string>): Menu[] {
  if (names.size === 0) return [...rows]
  const gone = new Set(rows.filter(({ name }) => names.has(name)).map(({ id }) => id))
  const isBelow = ({ id, parent_id }: Menu) => !gone.has(id) && parent_id !== null && gone.has(parent_id)
  for (let below = rows.filter(isBelow); below.length > 0; below = rows.filter(isBelow))
    for (const { id } of below) gone.add(id)
  return rows.filter(({ id }) => !gone.has(id))
}

function toNode(row: TreeNode<Menu>): SidebarNode {
  const { id, name, path, sort, type, component, perms, remark, parent_id, created_time, updated_time } = row
  const link = row.link ?? ''
  return {
    id,
    name,
    path,
    sort,
    type,
    component,
    perms,
    remark,
    parent_id,
    created_time,
    updated_time,
    meta: {
      title: row.title,
      icon: row.icon,
      iframeSrc: type === MENU_TYPE.embedded ? link : '',
      link: type === MENU_TYPE.link ? link : '',
      keepAlive: row.cache,
      hideInMenu: row.display === 0,
      menuVisibleWithForbidden: row.status !== STATUS.enabled,
    },
    ...(row.children === null ? {} : { children: row.children.map(toNode) }),
  }
}
