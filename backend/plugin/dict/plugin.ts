import { definePlugin } from '#backend/core/plugin/definition'
import { dictDataApi } from '#backend/plugin/dict/api/v1/sys/dict-data.api'
import { dictTypeApi } from '#backend/plugin/dict/api/v1/sys/dict-type.api'
import { translations } from '#backend/plugin/dict/locale/messages'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { MENUS } from '#backend/plugin/dict/seed/menus'
import { seed } from '#backend/plugin/dict/seed/seed'

export const plugin = definePlugin({
  api: async (app) => {
    await app.register(dictTypeApi, { prefix: '/sys/dict-types' })
    await app.register(dictDataApi, { prefix: '/sys/dict-datas' })
  },
  models: [dictType, dictData],
  translations,
  menus: MENUS,
  seed,
})
