import { button, page } from '#backend/common/menu-seed'
import type { PluginMenu } from '#backend/core/plugin/definition'

const configPage = page(
  'PluginConfig',
  'config.menu',
  7,
  '/plugins/config',
  'codicon:symbol-parameter',
  '/plugins/config/views/index',
  {
    perms: 'sys:config:get',
    children: [
      button('AddConfig', '新增', 'sys:config:add'),
      button('EditConfig', '修改', 'sys:config:edit'),
      button('DeleteConfig', '删除', 'sys:config:del'),
    ],
  },
)

export const MENUS: readonly PluginMenu[] = [{ ...configPage, parent: 'System' }]
