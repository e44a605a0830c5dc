const zhCN = {
  'config.not_found': '参数配置不存在',
  'config.key_taken': '参数键名 {key} 已存在',
  'config.repeated_id': '同一参数不能重复提交',
  'config.value_wrong': '{key} 的值无效：{reason}',
  'config.value_unfit': '{key} 的值无效',
  'config.secret_needed': '修改 {key} 的键名时必须重新输入其值',
}
type ConfigMessages = typeof zhCN

const enUS: ConfigMessages = {
  'config.not_found': 'There is no such setting',
  'config.key_taken': 'There is a setting with the key {key} already',
  'config.repeated_id': 'The setting is in the list twice',
  'config.value_wrong': 'The value of {key} does not fit: {reason}',
  'config.value_unfit': 'The value of {key} does not fit',
  'config.secret_needed': 'Under the new key {key} the value must be typed in again',
}

export const translations = { 'zh-CN': zhCN, 'en-US': enUS }

declare module '#backend/locale/translate' {
  interface PluginMessages extends ConfigMessages {}
}
