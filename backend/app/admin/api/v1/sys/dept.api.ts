import { z } from 'zod'
import { CreateDept, DeptDetail, DeptQuery, DeptTree, UpdateDept } from '#backend/app/admin/schema/dept.schema'
import * as deptService from '#backend/app/admin/service/dept.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { Pk } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Departments']
/** The pages whose forms choose a department. */
const TREE_READERS = ['sys:dept:get', 'sys:user:get', 'sys:role:get'] as const

export async function deptApi(app: App): Promise<void> {
  app.get(
    '',
    {
      config: { access: { permission: TREE_READERS } },
      schema: {
        summary: 'Department tree',
        tags,
        querystring: DeptQuery,
        response: { 200: envelope(z.array(DeptTree)) },
      },
    },
    async ({ ctx, query }) => ok(await deptService.tree(ctx, query)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'sys:dept:get' } },
      schema: { summary: 'Get a department', tags, params: Pk, response: { 200: envelope(DeptDetail) } },
    },
    async ({ ctx, params }) => ok(await deptService.get(ctx, params.pk)),
  )

  app.post(
    '',
    {
      config: { access: { permission: 'sys:dept:add' } },
      schema: { summary: 'Create a department', tags, body: CreateDept, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await deptService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'sys:dept:edit' } },
      schema: { summary: 'Replace a department', tags, params: Pk, body: UpdateDept, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await deptService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '/:pk',
    {
      config: { access: { permission: 'sys:dept:del' } },
      schema: { summary: 'Delete a department', tags, params: Pk, response: { 200: Done } },
    },
    async ({ ctx, params }) => {
      await deptService.remove(ctx, params.pk)
      return ok()
    },
  )
}
