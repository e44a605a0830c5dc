import { MENU_TYPE } from '#backend/common/enums'

/** A menu that a database starts with. */
export interface MenuSeed {
  /** unique: what a seeded row is recognised by */
  name: string
  /** text, or a key of the front end's dictionary */
  title: string
  type: number
  sort: number
  display: number
  path: string | null
  icon: string | null
  component: string | null
  perms: string | null
  children: MenuSeed[]
}

interface PageOptions {
  perms?: string
  display?: number
  children?: MenuSeed[]
}

export function directory(
  name: string,
  title: string,
  sort: number,
  path: string,
  icon: string,
  children: MenuSeed[],
): MenuSeed {
  return {
    name,
    title,
    type: MENU_TYPE.directory,
    sort,
    display: 1,
    path,
    icon,
    component: null,
    perms: null,
    children,
  }
}

/** `component` is the view of the front end, `perms` the code that reading the page takes. */
export function page(
  name: string,
  title: string,
  sort: number,
  path: string,
  icon: string,
  component: string,
  { perms, display = 1, children = [] }: PageOptions = {},
): MenuSeed {
  return { name, title, type: MENU_TYPE.page, sort, display, path, icon, component, perms: perms ?? null, children }
}

export function button(name: string, title: string, perms: string): MenuSeed {
  return {
    name,
    title,
    type: MENU_TYPE.button,
    sort: 0,
    display: 0,
    path: null,
    icon: null,
    component: null,
    perms,
    children: [],
  }
}
