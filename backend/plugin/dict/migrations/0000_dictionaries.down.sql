drop table if exists sys_dict_data;
drop table if exists sys_dict_type;
