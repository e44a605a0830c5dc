alter table fixture_sample add column colour varchar(16) not null default 'red';
