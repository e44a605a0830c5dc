import { definePlugin } from '#backend/core/plugin/definition'
import { noticeApi } from '#backend/plugin/notice/api/v1/sys/notice.api'
import { translations } from '#backend/plugin/notice/locale/messages'
import { noticeScoped } from '#backend/plugin/notice/model/notice.model'
import { MENUS } from '#backend/plugin/notice/seed/menus'

export const plugin = definePlugin({
  api: async (app) => {
    await app.register(noticeApi, { prefix: '/sys/notices' })
  },
  scoped_models: [noticeScoped],
  translations,
  menus: MENUS,
})
