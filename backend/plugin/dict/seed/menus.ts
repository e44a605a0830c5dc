import { button, page } from '#backend/common/menu-seed'
import type { PluginMenu } from '#backend/core/plugin/definition'

const dictPage = page(
  'PluginDict',
  'dict.menu',
  8,
  '/plugins/dict',
  'fluent-mdl2:dictionary',
  '/plugins/dict/views/index',
  {
    // Types on the left of the page, their values on the right.
    perms: 'dict:type:get,dict:data:get',
    children: [
      button('AddDictType', '新增类型', 'dict:type:add'),
      button('EditDictType', '修改类型', 'dict:type:edit'),
      button('DeleteDictType', '删除类型', 'dict:type:del'),
      button('AddDictData', '新增数据', 'dict:data:add'),
      button('EditDictData', '修改数据', 'dict:data:edit'),
      button('DeleteDictData', '删除数据', 'dict:data:del'),
    ],
  },
)

export const MENUS: readonly PluginMenu[] = [{ ...dictPage, parent: 'System' }]
