import { button, page } from '#backend/common/menu-seed'
import type { PluginMenu } from '#backend/core/plugin/definition'

const noticePage = page(
  'PluginNotice',
  'notice.menu',
  9,
  '/plugins/notice',
  'fe:notice-push',
  '/plugins/notice/views/index',
  {
    perms: 'sys:notice:get',
    children: [
      button('AddNotice', '新增', 'sys:notice:add'),
      button('EditNotice', '修改', 'sys:notice:edit'),
      button('DeleteNotice', '删除', 'sys:notice:del'),
    ],
  },
)

export const MENUS: readonly PluginMenu[] = [{ ...noticePage, parent: 'System' }]
