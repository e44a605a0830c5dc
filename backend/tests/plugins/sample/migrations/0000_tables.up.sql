create table fixture_sample (id bigserial primary key, name varchar(64) not null unique, owner_id bigint);
create table fixture_sample_run (id bigserial primary key, ran_time timestamptz not null default now());
