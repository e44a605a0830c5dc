import { z } from 'zod'
import {
  CreateDataRule,
  DataRuleDetail,
  DataRuleQuery,
  RuleChoice,
  RuleModel,
  UpdateDataRule,
} from '#backend/app/admin/schema/data-rule.schema'
import * as dataRuleService from '#backend/app/admin/service/data-rule.service'
import { Done, envelope, ok } from '#backend/common/envelope'
import { pageOf, toPage } from '#backend/common/paging'
import { Pk, Pks } from '#backend/common/schema'
import type { App } from '#backend/core/app'

const tags = ['Data rules']
/** The page of rules, and that of scopes, which are made of rules. */
const CHOOSERS = ['data:rule:get', 'data:scope:get'] as const

export async function dataRuleApi(app: App): Promise<void> {
  choiceRoutes(app)
  readRoutes(app)
  changeRoutes(app)
}

/** What the form of a rule offers. */
function choiceRoutes(app: App): void {
  const config = { access: { permission: 'data:rule:get' } }

  app.get(
    '/models',
    {
      config,
      schema: { summary: 'Models that rules may select', tags, response: { 200: envelope(z.array(z.string())) } },
    },
    async ({ ctx }) => ok(dataRuleService.models(ctx)),
  )

  app.get(
    '/models/:model/columns',
    {
      config,
      schema: {
        summary: 'Columns that rules for a model may compare',
        tags,
        params: RuleModel,
        response: { 200: envelope(z.array(RuleChoice)) },
      },
    },
    async ({ ctx, params }) => ok(dataRuleService.columns(ctx, params.model)),
  )

  app.get(
    '/value-template-variables',
    {
      config,
      schema: { summary: 'Variables that values may hold', tags, response: { 200: envelope(z.array(RuleChoice)) } },
    },
    async () => ok(dataRuleService.valueVariables()),
  )
}

function readRoutes(app: App): void {
  app.get(
    '',
    {
      config: { access: { permission: 'data:rule:get' } },
      schema: {
        summary: 'Data rules, page by page',
        tags,
        querystring: DataRuleQuery,
        response: { 200: envelope(pageOf(DataRuleDetail)) },
      },
    },
    async ({ ctx, query, url }) => ok(toPage(await dataRuleService.list(ctx, query), query, url)),
  )

  app.get(
    '/all',
    {
      config: { access: { permission: CHOOSERS } },
      schema: { summary: 'All data rules', tags, response: { 200: envelope(z.array(DataRuleDetail)) } },
    },
    async ({ ctx }) => ok(await dataRuleService.listAll(ctx)),
  )

  app.get(
    '/:pk',
    {
      config: { access: { permission: 'data:rule:get' } },
      schema: { summary: 'Get a data rule', tags, params: Pk, response: { 200: envelope(DataRuleDetail) } },
    },
    async ({ ctx, params }) => ok(await dataRuleService.get(ctx, params.pk)),
  )
}

function changeRoutes(app: App): void {
  app.post(
    '',
    {
      config: { access: { permission: 'data:rule:add' } },
      schema: { summary: 'Create a data rule', tags, body: CreateDataRule, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dataRuleService.create(ctx, body)
      return ok()
    },
  )

  app.put(
    '/:pk',
    {
      config: { access: { permission: 'data:rule:edit' } },
      schema: { summary: 'Replace a data rule', tags, params: Pk, body: UpdateDataRule, response: { 200: Done } },
    },
    async ({ ctx, params, body }) => {
      await dataRuleService.update(ctx, params.pk, body)
      return ok()
    },
  )

  app.delete(
    '',
    {
      config: { access: { permission: 'data:rule:del' } },
      schema: { summary: 'Delete data rules, all or none', tags, body: Pks, response: { 200: Done } },
    },
    async ({ ctx, body }) => {
      await dataRuleService.remove(ctx, body.pks)
      return ok()
    },
  )
}
