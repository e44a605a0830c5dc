import { definePlugin } from '#backend/core/plugin/definition'
import { configApi } from '#backend/plugin/config/api/v1/sys/config.api'
import { translations } from '#backend/plugin/config/locale/messages'
import { config } from '#backend/plugin/config/model/config.model'
import { MENUS } from '#backend/plugin/config/seed/menus'
import { seed } from '#backend/plugin/config/seed/seed'
import { overrides } from '#backend/plugin/config/service/config.service'

export const plugin = definePlugin({
  api: async (app) => {
    await app.register(configApi, { prefix: '/sys/configs' })
  },
  models: [config],
  overrides,
  translations,
  menus: MENUS,
  seed,
})
