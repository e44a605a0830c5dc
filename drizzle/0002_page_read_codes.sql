-- Reading is guarded: a page carries the code that reading it takes. Pages of a database taken over have none, and would shut out
-- everybody but superusers. A fresh database has no rows here yet. Codes that an administrator set stay.
UPDATE "sys_menu" AS "menu" SET "perms" = "page"."perms"
FROM (VALUES
	('SysDept', 'sys:dept:get'),
	('SysUser', 'sys:user:get'),
	('SysRole', 'sys:role:get'),
	('SysMenu', 'sys:menu:get'),
	('SysDataScope', 'data:scope:get'),
	('SysDataRule', 'data:rule:get'),
	('SysPlugin', 'sys:plugin:get'),
	('SchedulerManage', 'sys:task:get'),
	('SchedulerRecord', 'sys:task:get'),
	('LoginLog', 'log:login:get'),
	('OperaLog', 'log:opera:get'),
	('Online', 'monitor:session:get'),
	('Redis', 'monitor:redis:get'),
	('Server', 'monitor:server:get')
) AS "page" ("name", "perms")
WHERE "menu"."name" = "page"."name" AND "menu"."type" = 1 AND coalesce("menu"."perms", '') = '';
