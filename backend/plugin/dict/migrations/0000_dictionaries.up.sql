-- A database of the Python original has these tables: they are taken over as they are.
create table if not exists sys_dict_type (
  id bigserial primary key,
  name varchar(32) not null,
  code varchar(32) not null constraint sys_dict_type_code_key unique,
  remark text,
  created_time timestamptz not null,
  updated_time timestamptz
);
create unique index if not exists ix_sys_dict_type_id on sys_dict_type (id);

create table if not exists sys_dict_data (
  id bigserial primary key,
  type_code varchar(32) not null,
  label varchar(32) not null,
  value varchar(32) not null,
  color varchar(32),
  sort integer not null,
  status integer not null,
  remark text,
  type_id bigint not null,
  created_time timestamptz not null,
  updated_time timestamptz
);
create unique index if not exists ix_sys_dict_data_id on sys_dict_data (id);

-- There the code of a type could change without that of its values.
update sys_dict_data as value set type_code = type.code
from sys_dict_type as type
where type.id = value.type_id and value.type_code <> type.code;

-- Its page there carries no code, and would shut out everybody but superusers. One that an administrator set stays.
update sys_menu set perms = 'dict:type:get,dict:data:get'
where name = 'PluginDict' and type = 1 and coalesce(perms, '') = '';
