const zhCN = {
  'dict.type_not_found': '字典类型不存在',
  'dict.type_code_taken': '字典类型编码已存在',
  'dict.type_has_data': '字典类型下存在字典数据，无法删除',
  'dict.data_not_found': '字典数据不存在',
  'dict.label_taken': '字典标签已存在',
}
type DictMessages = typeof zhCN

const enUS: DictMessages = {
  'dict.type_not_found': 'There is no such dictionary type',
  'dict.type_code_taken': 'The code is that of another dictionary type',
  'dict.type_has_data': 'The dictionary type still has values',
  'dict.data_not_found': 'There is no such dictionary value',
  'dict.label_taken': 'The dictionary type has a value with this label already',
}

export const translations = { 'zh-CN': zhCN, 'en-US': enUS }

declare module '#backend/locale/translate' {
  interface PluginMessages extends DictMessages {}
}
