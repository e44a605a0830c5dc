import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataRule } from '#backend/app/admin/model/data-rule.model'
import { dataScope } from '#backend/app/admin/model/data-scope.model'
import { dataScopeRule } from '#backend/app/admin/model/data-scope-rule.model'
import { dept } from '#backend/app/admin/model/dept.model'
import { type Menu, menu } from '#backend/app/admin/model/menu.model'
import { role } from '#backend/app/admin/model/role.model'
import { roleDataScope } from '#backend/app/admin/model/role-data-scope.model'
import { roleMenu } from '#backend/app/admin/model/role-menu.model'
import { user } from '#backend/app/admin/model/user.model'
import { userRole } from '#backend/app/admin/model/user-role.model'
import { MENUS } from '#backend/app/admin/seed/menus'
import { createAdministrator, seedDevelopment, seedMenus } from '#backend/app/admin/seed/seed'
import type { MenuSeed } from '#backend/common/menu-seed'
import { loadBuiltIns } from '#backend/core/plugin/built-in'
import { type Database, openDatabase } from '#backend/database/db'
import { migrate } from '#backend/database/migrate'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '#backend/tests/test-database'

const SEEDED = [dept, role, menu, dataScope, dataRule, user, userRole, roleMenu, roleDataScope, dataScopeRule] as const

let clone: TestDatabase
let database: Database

async function useDatabase(made: Promise<TestDatabase>): Promise<void> {
  clone = await made
  database = openDatabase({ url: clone.url, time_zone: 'Asia/Shanghai', pool_size: 4 })
}

afterEach(async () => {
  await database.close()
  await clone.drop()
})

function flatten(seeds: readonly MenuSeed[]): MenuSeed[] {
  return seeds.flatMap((seed) => [seed, ...flatten(seed.children)])
}

async function snapshot(): Promise<unknown[][]> {
  return Promise.all(SEEDED.map((table) => database.db.select().from(table).orderBy(table.id)))
}

async function menus(): Promise<Map<string, Menu>> {
  const rows = await database.db.select().from(menu)
  return new Map(rows.map((row) => [row.name, row]))
}

describe('a database with the development seed', () => {
  beforeEach(() => useDatabase(createTestDatabase()))

  test('is not changed by seeding it again', async () => {
    const before = await snapshot()
    expect(before.every((rows) => rows.length > 0)).toBe(true)
    expect(await seedMenus(database.db)).toBe(0)
    expect(await seedDevelopment(database.db, { password_hash: 'another' })).toBe(false)
    expect(await snapshot()).toEqual(before)
  })

  test('gives the next row of every seeded table a new id', async () => {
    const { db } = database
    await db.insert(dept).values({ name: 'next' })
    await db.insert(role).values({ name: 'next' })
    await db.insert(menu).values({ name: 'Next', title: 'next', type: 0 })
    await db.insert(dataScope).values({ name: 'next', status: 1 })
    await db.insert(dataRule).values({ name: 'n', model: 'User', column: 'id', operator: 0, expression: 0, value: '1' })
    await db.insert(user).values({ username: 'next', nickname: 'next' })
    await db.insert(userRole).values({ user_id: 1, role_id: 1 })
    await db.insert(roleMenu).values({ role_id: 1, menu_id: 1 })
    await db.insert(roleDataScope).values({ role_id: 1, data_scope_id: 1 })
    await db.insert(dataScopeRule).values({ data_scope_id: 1, data_rule_id: 1 })
  })

  test('has every menu once, below its parent, each name once and no orphans', async () => {
    const brought = (await loadBuiltIns()).flatMap(({ definition }) => definition.menus ?? [])
    expect(brought.length).toBeGreaterThan(0)
    const seeds = flatten([...MENUS, ...brought])
    expect(new Set(seeds.map(({ name }) => name)).size).toBe(seeds.length)
    const rows = await database.db.select().from(menu)
    expect(rows.map(({ name }) => name).sort()).toEqual(seeds.map(({ name }) => name).sort())
    const byName = await menus()
    for (const seed of seeds) {
      for (const child of seed.children) expect(byName.get(child.name)?.parent_id).toBe(byName.get(seed.name)?.id)
    }
    for (const { name, parent = '' } of brought)
      expect(byName.get(name)?.parent_id).toBe(byName.get(parent)?.id ?? null)
    expect(rows.filter(({ parent_id }) => parent_id === null).map(({ name }) => name)).toEqual(
      MENUS.map(({ name }) => name),
    )
  })

  test('has a read code on every page that shows rows, and a code on every button', async () => {
    const rows = [...(await menus()).values()]
    const bare = rows.filter(({ type, perms }) => type !== 0 && perms === null).map(({ name }) => name)
    expect(bare.sort()).toEqual(['Analytics', 'Profile', 'Workspace'])
    expect(rows.filter(({ type, perms }) => type === 1 && perms !== null && !perms.endsWith(':get'))).toEqual([])
    expect(rows.filter(({ type, display }) => type === 2 && display !== 0)).toEqual([])
  })

  test('keeps what an administrator changed, and gets back only what is missing', async () => {
    const { db } = database
    await db
      .update(menu)
      .set({ title: 'Staff', perms: 'own:code', status: 0, parent_id: null })
      .where(eq(menu.name, 'SysUser'))
    await db.delete(menu).where(eq(menu.name, 'AddSysUser'))
    const edited = (await menus()).get('SysUser')
    expect(await seedMenus(db)).toBe(1)
    const after = await menus()
    expect(after.get('SysUser')).toEqual(edited)
    expect(after.get('AddSysUser')).toMatchObject({ perms: 'sys:user:add', parent_id: edited?.id })
  })

  test('has an administrator, and a user whose role is limited to the own department', async () => {
    const [admin, test] = await database.db.select().from(user).orderBy(user.id)
    const [root] = await database.db.select().from(dept)
    const [limited] = await database.db.select().from(role)
    expect(admin).toMatchObject({ username: 'admin', is_superuser: true, is_staff: true, dept_id: root?.id, status: 1 })
    expect(test).toMatchObject({ username: 'test', is_superuser: false, is_staff: false, dept_id: root?.id, status: 1 })
    expect(admin?.last_password_changed_time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    expect(admin?.updated_time).toBeNull()
    expect(limited).toMatchObject({ is_filter_scopes: true, status: 1 })
    const rules = await database.db
      .select({ model: dataRule.model, column: dataRule.column, value: dataRule.value, user_id: userRole.user_id })
      .from(userRole)
      .innerJoin(roleDataScope, eq(roleDataScope.role_id, userRole.role_id))
      .innerJoin(dataScopeRule, eq(dataScopeRule.data_scope_id, roleDataScope.data_scope_id))
      .innerJoin(dataRule, eq(dataRule.id, dataScopeRule.data_rule_id))
      .where(eq(userRole.user_id, test?.id ?? 0))
      .orderBy(dataRule.id)
    const value = '${dept_id}'
    expect(rules).toEqual([
      { model: 'Dept', column: 'id', value, user_id: test?.id },
      { model: 'User', column: 'dept_id', value, user_id: test?.id },
    ])
  })
})

describe('a database with tables only', () => {
  beforeEach(async () => {
    await useDatabase(createEmptyDatabase())
    await migrate(database)
  })

  test('is seeded once by any number of processes that start at once', async () => {
    const results = await Promise.all(
      [1, 2, 3].map(() => seedDevelopment(database.db, { password_hash: '$2b$04$development' })),
    )
    expect(results.sort()).toEqual([false, false, true])
    expect(await database.db.select().from(user)).toHaveLength(2)
    expect(await database.db.select().from(menu)).toHaveLength(flatten(MENUS).length)
  })

  test('gets an administrator once, in a department; the second learns that the name is taken', async () => {
    const input = { username: 'admin', password_hash: '$2b$12$production' }
    const results = await Promise.all([
      createAdministrator(database.db, input),
      createAdministrator(database.db, input),
    ])
    const created = results.filter((result) => result !== undefined)
    const [root] = await database.db.select().from(dept)
    expect(created).toHaveLength(1)
    expect(created[0]).toMatchObject({
      username: 'admin',
      nickname: 'admin',
      password: input.password_hash,
      is_superuser: true,
      is_staff: true,
      dept_id: root?.id,
    })
  })

  test('does not put an administrator into a department that is deleted or disabled', async () => {
    await database.db.insert(dept).values([
      { name: 'deleted', del_flag: true },
      { name: 'disabled', status: 0 },
    ])
    const administrator = await createAdministrator(database.db, { username: 'root', password_hash: 'hash' })
    const [home] = await database.db
      .select()
      .from(dept)
      .where(eq(dept.id, administrator?.dept_id ?? 0))
    expect(home).toMatchObject({ status: 1, del_flag: false })
  })
})
