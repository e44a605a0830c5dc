drop table if exists sys_config;
