-- A database of the Python original has this table: it is taken over as it is.
create table if not exists sys_config (
  id bigserial primary key,
  name varchar(32) not null,
  type varchar(32),
  key varchar(64) not null constraint sys_config_key_key unique,
  value text not null,
  is_frontend boolean not null,
  remark text,
  created_time timestamptz not null,
  updated_time timestamptz
);
create unique index if not exists ix_sys_config_id on sys_config (id);

-- Its page there carries no code, and would shut out everybody but superusers. One that an administrator set stays.
update sys_menu set perms = 'sys:config:get'
where name = 'PluginConfig' and type = 1 and coalesce(perms, '') = '';
