const zhCN = { 'notice.not_found': '通知公告不存在' }
type NoticeMessages = typeof zhCN

const enUS: NoticeMessages = { 'notice.not_found': 'There is no such notice' }

export const translations = { 'zh-CN': zhCN, 'en-US': enUS }

declare module '#backend/locale/translate' {
  interface PluginMessages extends NoticeMessages {}
}
