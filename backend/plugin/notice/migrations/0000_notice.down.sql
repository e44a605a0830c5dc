drop table if exists sys_notice;
