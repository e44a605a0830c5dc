-- A database of the Python original has this table: it is taken over as it is.
create table if not exists sys_notice (
  id bigserial primary key,
  title varchar(64) not null,
  type integer not null,
  status integer not null,
  content text not null,
  created_time timestamptz not null,
  updated_time timestamptz
);
create unique index if not exists ix_sys_notice_id on sys_notice (id);

-- Its page there carries no code, and would shut out everybody but superusers. One that an administrator set stays.
update sys_menu set perms = 'sys:notice:get'
where name = 'PluginNotice' and type = 1 and coalesce(perms, '') = '';
