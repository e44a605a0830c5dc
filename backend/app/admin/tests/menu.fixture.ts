import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { type Menu, menu, type NewMenu } from '#backend/app/admin/model/menu.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import type { SignedIn, TestApp } from '#backend/tests/harness'

export const PAGE = { type: 1, status: 1, display: 1, cache: 1 }

/** How tests of menus make and find rows. `app` and `root` are asked when they are there. */
export function menuRows(app: () => TestApp, root: () => SignedIn) {
  async function rowOf(title: string): Promise<Menu> {
    const [row] = await app().db.select().from(menu).where(eq(menu.title, title))
    if (row === undefined) throw new Error(`no menu ${title}`)
    return row
  }

  /** Creates through the API and gives the id, which the answer does not hold. */
  async function make(title: string, fields: object = {}): Promise<number> {
    const answer = await root().post('/sys/menus', { ...PAGE, title, name: title, ...fields })
    expect(answer.text).toContain('"code":200')
    return (await rowOf(title)).id
  }

  async function insert(fields: Partial<NewMenu> & { title: string }): Promise<number> {
    const [row] = await app()
      .db.insert(menu)
      .values({ ...PAGE, name: fields.title, ...fields })
      .returning()
    return row?.id ?? 0
  }

  const give = (role_id: number, ...menu_ids: number[]) =>
    app()
      .db.insert(roleMenu)
      .values(menu_ids.map((menu_id) => ({ role_id, menu_id })))

  return { rowOf, make, insert, give }
}
