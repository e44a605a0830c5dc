/** `label`, `value` and `color` of its tag. */
type ValueSeed = readonly [label: string, value: string, color: string]

export interface DictSeed {
  readonly code: string
  readonly name: string
  /** in their order */
  readonly values: readonly ValueSeed[]
}

/** What the pages of the front end ask for, by the codes they know. */
export const DICTIONARIES: readonly DictSeed[] = [
  {
    code: 'sys_status',
    name: '通用状态',
    values: [
      ['停用', '0', 'red'],
      ['正常', '1', 'green'],
    ],
  },
  {
    code: 'sys_choose',
    name: '通用开关',
    values: [
      ['关闭', 'false', 'error'],
      ['开启', 'true', 'success'],
    ],
  },
  {
    code: 'sys_menu_type',
    name: '菜单类型',
    values: [
      ['目录', '0', 'orange'],
      ['菜单', '1', 'default'],
      ['按钮', '2', 'processing'],
      ['内嵌', '3', 'cyan'],
      ['外链', '4', 'purple'],
    ],
  },
  {
    code: 'sys_login_status',
    name: '登录状态',
    values: [
      ['失败', '0', 'error'],
      ['成功', '1', 'success'],
    ],
  },
  {
    code: 'sys_data_rule_operator',
    name: '数据规则运算符',
    values: [
      ['AND', '0', 'green'],
      ['OR', '1', 'gold'],
    ],
  },
  {
    code: 'sys_data_rule_expression',
    name: '数据规则表达式',
    values: [
      ['等于(==)', '0', 'success'],
      ['不等于(!=)', '1', 'error'],
      ['大于(>)', '2', 'magenta'],
      ['大于等于(>=)', '3', 'volcano'],
      ['小于(<)', '4', 'gold'],
      ['小于等于(<=)', '5', 'orange'],
      ['包含(in)', '6', 'purple'],
      ['不包含(not in)', '7', 'error'],
    ],
  },
  {
    code: 'sys_frontend_config',
    name: '前端参数配置',
    values: [
      ['否', '0', 'red'],
      ['是', '1', 'green'],
    ],
  },
  {
    code: 'task_strategy_type',
    name: '任务策略类型',
    values: [
      ['Interval（间隔）', '0', 'cyan'],
      ['Crontab（计划）', '1', 'purple'],
    ],
  },
  {
    code: 'task_period_type',
    name: '任务周期类型',
    values: [
      ['天', 'days', 'processing'],
      ['小时', 'hours', 'magenta'],
      ['分钟', 'minutes', 'volcano'],
      ['秒', 'seconds', 'gold'],
      ['微秒', 'microseconds', 'warning'],
    ],
  },
  {
    code: 'notice',
    name: '通知公告',
    values: [
      ['通知', '0', 'magenta'],
      ['公告', '1', 'purple'],
    ],
  },
  {
    code: 'user_online_status',
    name: '在线状态',
    values: [
      ['离线', '0', 'warning'],
      ['在线', '1', 'success'],
    ],
  },
  {
    code: 'sys_plugin_type',
    name: '插件类型',
    values: [
      ['压缩包', '0', 'gold'],
      ['GIT', '1', 'processing'],
    ],
  },
]
