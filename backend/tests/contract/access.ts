import type { Access } from '#backend/middleware/access'

const any = (...permission: string[]) => ({ permission })
/** Anybody for what is their own, for the rest whoever holds the code. */
const anyOrOwn = (...permission: string[]): Access => ({ permission, own: true })

/**
 * Who may call what, said a second time and on its own, so that a guard that is loosened in the code is noticed. A new
 * route needs a line here.
 */
export const EXPECTED_ACCESS: Readonly<Record<string, Access>> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',

  'GET /api/v1/auth/captcha': 'public',
  'POST /api/v1/auth/login': 'public',
  'POST /api/v1/auth/login/swagger': 'public',
  'POST /api/v1/auth/refresh': 'public',
  'POST /api/v1/auth/logout': 'public',
  'GET /api/v1/auth/codes': 'signed-in',

  'GET /api/v1/sys/users': any('sys:user:get'),
  'POST /api/v1/sys/users': any('sys:user:add'),
  'GET /api/v1/sys/users/me': 'signed-in',
  'PUT /api/v1/sys/users/me/avatar': 'signed-in',
  'PUT /api/v1/sys/users/me/email': 'signed-in',
  'PUT /api/v1/sys/users/me/nickname': 'signed-in',
  'PUT /api/v1/sys/users/me/password': 'signed-in',
  'GET /api/v1/sys/users/:pk': any('sys:user:get'),
  'PUT /api/v1/sys/users/:pk': any('sys:user:edit'),
  'DELETE /api/v1/sys/users/:pk': any('sys:user:del'),
  'PUT /api/v1/sys/users/:pk/password': any('sys:user:password:reset'),
  'PUT /api/v1/sys/users/:pk/permissions': 'superuser',
  'GET /api/v1/sys/users/:pk/roles': any('sys:user:get'),

  'GET /api/v1/sys/depts': any('sys:dept:get', 'sys:user:get', 'sys:role:get'),
  'POST /api/v1/sys/depts': any('sys:dept:add'),
  'GET /api/v1/sys/depts/:pk': any('sys:dept:get'),
  'PUT /api/v1/sys/depts/:pk': any('sys:dept:edit'),
  'DELETE /api/v1/sys/depts/:pk': any('sys:dept:del'),

  'GET /api/v1/sys/menus': any('sys:menu:get', 'sys:role:get'),
  'POST /api/v1/sys/menus': any('sys:menu:add'),
  'GET /api/v1/sys/menus/sidebar': 'signed-in',
  'GET /api/v1/sys/menus/:pk': any('sys:menu:get'),
  'PUT /api/v1/sys/menus/:pk': any('sys:menu:edit'),
  'DELETE /api/v1/sys/menus/:pk': any('sys:menu:del'),

  'GET /api/v1/sys/roles': any('sys:role:get'),
  'POST /api/v1/sys/roles': any('sys:role:add'),
  'DELETE /api/v1/sys/roles': any('sys:role:del'),
  'GET /api/v1/sys/roles/all': any('sys:role:get', 'sys:user:get'),
  'GET /api/v1/sys/roles/:pk': any('sys:role:get'),
  'PUT /api/v1/sys/roles/:pk': any('sys:role:edit'),
  'GET /api/v1/sys/roles/:pk/menus': any('sys:role:get'),
  'PUT /api/v1/sys/roles/:pk/menus': any('sys:role:menu:edit'),
  'GET /api/v1/sys/roles/:pk/scopes': any('sys:role:get'),
  'PUT /api/v1/sys/roles/:pk/scopes': any('sys:role:scope:edit'),

  'GET /api/v1/sys/data-scopes': any('data:scope:get'),
  'POST /api/v1/sys/data-scopes': any('data:scope:add'),
  'DELETE /api/v1/sys/data-scopes': any('data:scope:del'),
  'GET /api/v1/sys/data-scopes/all': any('data:scope:get', 'sys:role:get'),
  'GET /api/v1/sys/data-scopes/:pk': any('data:scope:get'),
  'PUT /api/v1/sys/data-scopes/:pk': any('data:scope:edit'),
  'GET /api/v1/sys/data-scopes/:pk/rules': any('data:scope:get', 'sys:role:get'),
  'PUT /api/v1/sys/data-scopes/:pk/rules': any('data:scope:rule:edit'),

  'GET /api/v1/sys/data-rules': any('data:rule:get'),
  'POST /api/v1/sys/data-rules': any('data:rule:add'),
  'DELETE /api/v1/sys/data-rules': any('data:rule:del'),
  'GET /api/v1/sys/data-rules/all': any('data:rule:get', 'data:scope:get'),
  'GET /api/v1/sys/data-rules/models': any('data:rule:get'),
  'GET /api/v1/sys/data-rules/models/:model/columns': any('data:rule:get'),
  'GET /api/v1/sys/data-rules/value-template-variables': any('data:rule:get'),
  'GET /api/v1/sys/data-rules/:pk': any('data:rule:get'),
  'PUT /api/v1/sys/data-rules/:pk': any('data:rule:edit'),

  'GET /api/v1/sys/plugins': 'superuser',
  'POST /api/v1/sys/plugins': 'superuser',
  'GET /api/v1/sys/plugins/changed': 'superuser',
  'GET /api/v1/sys/plugins/:plugin': 'superuser',
  'DELETE /api/v1/sys/plugins/:plugin': 'superuser',
  'PUT /api/v1/sys/plugins/:plugin/status': 'superuser',

  'GET /api/v1/monitors/sessions': anyOrOwn('monitor:session:get'),
  'DELETE /api/v1/monitors/sessions/:pk': anyOrOwn('monitor:session:del'),

  'GET /api/v1/logs/login': any('log:login:get'),
  'DELETE /api/v1/logs/login': any('log:login:del'),
  'DELETE /api/v1/logs/login/all': any('log:login:clear'),
  'GET /api/v1/logs/tombstones': any('log:login:get', 'log:opera:get'),
}
