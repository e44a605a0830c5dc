import { button, directory, type MenuSeed, page } from '#backend/common/menu-seed'

const dashboard = directory('Dashboard', 'page.dashboard.title', 0, '/dashboard', 'ant-design:dashboard-outlined', [
  page('Analytics', 'page.dashboard.analytics', 0, '/analytics', 'lucide:area-chart', '/dashboard/analytics/index'),
  page('Workspace', 'page.dashboard.workspace', 1, '/workspace', 'carbon:workspace', '/dashboard/workspace/index'),
])

const dataPermission = directory(
  'SysDataPermission',
  'page.menu.sysDataPermission',
  5,
  '/system/data-permission',
  'icon-park-outline:permissions',
  [
    page(
      'SysDataScope',
      'page.menu.sysDataScope',
      6,
      '/system/data-scope',
      'cuida:scope-outline',
      '/system/data-permission/scope/index',
      {
        perms: 'data:scope:get',
        children: [
          button('AddSysDataScope', '新增', 'data:scope:add'),
          button('EditSysDataScope', '修改', 'data:scope:edit'),
          button('EditDataScopeRule', '修改数据范围规则', 'data:scope:rule:edit'),
          button('DeleteSysDataScope', '删除', 'data:scope:del'),
        ],
      },
    ),
    page(
      'SysDataRule',
      'page.menu.sysDataRule',
      7,
      '/system/data-rule',
      'material-symbols:rule',
      '/system/data-permission/rule/index',
      {
        perms: 'data:rule:get',
        children: [
          button('AddSysDataRule', '新增', 'data:rule:add'),
          button('EditSysDataRule', '修改', 'data:rule:edit'),
          button('DeleteSysDataRule', '删除', 'data:rule:del'),
        ],
      },
    ),
  ],
)

const system = directory('System', 'page.menu.system', 1, '/system', 'eos-icons:admin', [
  page('SysDept', 'page.menu.sysDept', 1, '/system/dept', 'mingcute:department-line', '/system/dept/index', {
    perms: 'sys:dept:get',
    children: [
      button('AddSysDept', '新增', 'sys:dept:add'),
      button('EditSysDept', '修改', 'sys:dept:edit'),
      button('DeleteSysDept', '删除', 'sys:dept:del'),
    ],
  }),
  page('SysUser', 'page.menu.sysUser', 2, '/system/user', 'ant-design:user-outlined', '/system/user/index', {
    perms: 'sys:user:get',
    children: [
      button('AddSysUser', '新增', 'sys:user:add'),
      button('EditSysUser', '修改', 'sys:user:edit'),
      button('ResetSysUserPassword', '重置密码', 'sys:user:password:reset'),
      button('DeleteSysUser', '删除', 'sys:user:del'),
    ],
  }),
  page('SysRole', 'page.menu.sysRole', 3, '/system/role', 'carbon:user-role', '/system/role/index', {
    perms: 'sys:role:get',
    children: [
      button('AddSysRole', '新增', 'sys:role:add'),
      button('EditSysRole', '修改', 'sys:role:edit'),
      button('EditSysRoleMenu', '修改角色菜单', 'sys:role:menu:edit'),
      button('EditSysRoleScope', '修改角色数据范围', 'sys:role:scope:edit'),
      button('DeleteSysRole', '删除', 'sys:role:del'),
    ],
  }),
  page('SysMenu', 'page.menu.sysMenu', 4, '/system/menu', 'ant-design:menu-outlined', '/system/menu/index', {
    perms: 'sys:menu:get',
    children: [
      button('AddSysMenu', '新增', 'sys:menu:add'),
      button('EditSysMenu', '修改', 'sys:menu:edit'),
      button('DeleteSysMenu', '删除', 'sys:menu:del'),
    ],
  }),
  dataPermission,
  page('SysPlugin', 'page.menu.sysPlugin', 8, '/system/plugin', 'clarity:plugin-line', '/system/plugin/index', {
    perms: 'sys:plugin:get',
  }),
])

const scheduler = directory('Scheduler', 'page.menu.scheduler', 2, '/scheduler', 'material-symbols:automation', [
  page(
    'SchedulerManage',
    'page.menu.schedulerManage',
    1,
    '/scheduler/manage',
    'ix:scheduler',
    '/scheduler/manage/index',
    {
      perms: 'sys:task:get',
      children: [
        button('AddTaskScheduler', '新增', 'sys:task:add'),
        button('EditTaskScheduler', '修改', 'sys:task:edit'),
        button('DeleteTaskScheduler', '删除', 'sys:task:del'),
        button('ExecuteTaskScheduler', '执行', 'sys:task:exec'),
      ],
    },
  ),
  page(
    'SchedulerRecord',
    'page.menu.schedulerRecord',
    2,
    '/scheduler/record',
    'ix:scheduler',
    '/scheduler/record/index',
    { perms: 'sys:task:get', children: [button('RevokeTask', '撤销', 'sys:task:revoke')] },
  ),
])

const log = directory('Log', 'page.menu.log', 3, '/log', 'carbon:cloud-logging', [
  page('LoginLog', 'page.menu.login', 1, '/log/login', 'mdi:login', '/log/login/index', {
    perms: 'log:login:get',
    children: [button('DeleteLoginLog', '删除', 'log:login:del'), button('EmptyLoginLog', '清空', 'log:login:clear')],
  }),
  page('OperaLog', 'page.menu.opera', 2, '/log/opera', 'carbon:operations-record', '/log/opera/index', {
    perms: 'log:opera:get',
    children: [
      button('DeleteOperaLog', '删除', 'log:opera:del'),
      button('EmptyOperaLog', '清空', 'log:opera:clear'),
      button('ExportOperaLog', '导出', 'log:opera:export'),
    ],
  }),
])

const monitor = directory('Monitor', 'page.menu.monitor', 4, '/monitor', 'mdi:monitor-eye', [
  page('Online', 'page.menu.online', 1, '/log/online', 'wpf:online', '/monitor/online/index', {
    perms: 'monitor:session:get',
    children: [button('DeleteSession', '强制下线', 'monitor:session:del')],
  }),
  page('Redis', 'page.menu.redis', 2, '/monitor/redis', 'devicon:redis', '/monitor/redis/index', {
    perms: 'monitor:redis:get',
  }),
  page('Server', 'page.menu.server', 3, '/monitor/server', 'mdi:server-outline', '/monitor/server/index', {
    perms: 'monitor:server:get',
  }),
])

const profile = page(
  'Profile',
  'page.menu.profile',
  6,
  '/profile',
  'ant-design:profile-outlined',
  '/_core/profile/index',
  {
    display: 0,
    // Pages of every app upload; the one that everybody has is where the code is given.
    children: [button('UploadFile', '上传文件', 'sys:file:upload')],
  },
)

/** The rows a database starts with, parents before children. Plugins bring their own. */
export const MENUS: readonly MenuSeed[] = [dashboard, system, scheduler, log, monitor, profile]
