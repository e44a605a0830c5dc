import { expect, test } from 'vitest'
import { Refusal } from '#backend/common/errors'
import { manifestOf } from '#backend/core/plugin/install/manifest-check'
import { migrationsOf } from '#backend/core/plugin/install/migration-check'
import { sqlTargets } from '#backend/core/plugin/install/sql-targets'
import { manifestWith, pluginWith } from '#backend/core/plugin/install/tests/plugin-files'

function check(changes: Readonly<Record<string, string | undefined>>): { key: string; params: object } | string[] {
  const files = pluginWith(changes)
  try {
    return migrationsOf(files, manifestOf(files)).map(({ name }) => name)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { key: error.key, params: error.params }
  }
}

const UP = 'migrations/0000_words.up.sql'
const DOWN = 'migrations/0000_words.down.sql'
const MADE = 'create table greeting_word (id bigserial primary key, text varchar(64));\n'
const refused = (key: string, params: object = {}) => ({
  key: `plugin.install.${key}`,
  params: expect.objectContaining(params),
})

test('sound migrations are taken in their order', () => {
  expect(
    check({
      'migrations/0010_more.up.sql': 'alter table greeting_word add column colour text;',
      'migrations/0010_more.down.sql': 'alter table greeting_word drop column colour;',
    }),
  ).toEqual(['0000_words', '0010_more'])
})

test.each([
  ['without its way back', { [DOWN]: undefined }, refused('migration_missing', { file: DOWN })],
  ['without its way there', { [UP]: undefined }, refused('migration_missing', { file: UP })],
  ['with another name', { 'migrations/words.sql': '' }, refused('migration_name', { file: 'migrations/words.sql' })],
  [
    'with a number that is taken',
    { 'migrations/0000_again.up.sql': '', 'migrations/0000_again.down.sql': '' },
    refused('migration_number', { number: '0000' }),
  ],
  ['that leaves a table behind', { [DOWN]: '' }, refused('table_left', { table: 'greeting_word' })],
  ['that does not make a table it declares', { [UP]: '' }, refused('table_not_made', { table: 'greeting_word' })],
  [
    'that nobody was told of',
    { 'plugin.json': manifestWith({ capabilities: ['routes'] }) },
    refused('migrations_undeclared'),
  ],
  ['that are declared but absent', { [UP]: undefined, [DOWN]: undefined }, refused('migrations_none')],
])('migrations are refused %s', (_, changes, expected) => {
  expect(check(changes)).toEqual(expected)
})

test.each([
  'drop table sys_user',
  'alter table "sys_user" add column evil text',
  'alter table public.sys_user add column evil text',
  'alter table greeting_word rename to sys_other',
  'create table other_word (id int)',
  'create index on sys_user (id)',
  'drop index ix_sys_user_id',
  'insert into sys_menu (title) values (1)',
  'update sys_user set is_superuser = true',
  'update only sys_user set is_superuser = true',
  'delete from sys_user',
  'truncate greeting_word, sys_user',
  'insert into greeting_word with gone as (delete from sys_user returning 1) select * from gone',
  "comment on column sys_user.id is 'x'",
])('a migration may not touch what is not its own: %s', (statement) => {
  expect(check({ [UP]: `${MADE}${statement};` })).toEqual(refused('migration_foreign', { file: UP }))
})

test.each([
  'alter table greeting_word add column user_id bigint references sys_user',
  'alter table greeting_word add column user_id bigint references "sys_user" (id) on delete restrict',
  'alter table greeting_word add column user_id bigint references public.sys_user (id) on delete set default',
  'alter table greeting_word add column a bigint references sys_user, add column b bigint references sys_user on delete cascade',
  'alter table greeting_word add foreign key (id) references sys_user (id) on update cascade',
  'alter table greeting_word add column a bigint references sys_user check (a > 0 and 1 in (1)), add column b int',
])('a foreign key may not keep rows of others from being deleted: %s', (statement) => {
  expect(check({ [UP]: `${MADE}${statement};` })).toEqual(refused('migration_holds', { file: UP, table: 'sys_user' }))
})

test.each([
  'alter table greeting_word add column user_id bigint references sys_user (id) on update cascade ON DELETE SET NULL',
  'alter table greeting_word add column user_id bigint references sys_user match simple on delete cascade',
  'alter table greeting_word add constraint c foreign key (id) references sys_user (id) on delete cascade deferrable',
  'alter table greeting_word add column parent_id bigint references greeting_word',
])('a foreign key that lets go is fine, and one to a table of its own: %s', (statement) => {
  expect(check({ [UP]: `${MADE}${statement};` })).toEqual(['0000_words'])
})

test.each([
  'do $$ begin drop table sys_user; end $$',
  'create function f() returns int language sql as $$ select 1 $$',
  'create table greeting_copy () inherits (sys_user)',
  'create table greeting_part partition of sys_user default',
  'drop table greeting_word cascade',
  'alter table other.sys_user add column evil text',
  'alter table greeting_word set schema other',
  "select setval('sys_user_id_seq', 1)",
  'grant all on sys_user to public',
  'commit',
  'copy sys_user from program $$ls$$',
  'create view v as select 1',
  'set role postgres',
  'vacuum',
])('a migration may hold no other statement than about tables: %s', (statement) => {
  expect(check({ [UP]: `${MADE}${statement};` })).toEqual(refused('migration_statement', { file: UP }))
})

test.each([
  ['create table if not exists "greeting_word" (id int references sys_user on delete cascade on update cascade)'],
  ['create unique index if not exists ix on greeting_word (id)'],
  [
    'insert into greeting_word (text) values ($$drop table sys_user$$) on conflict (id) do update set text = excluded.text',
  ],
  ['insert into greeting_word (text) select name from sys_dept for update'],
  ["update greeting_word set text = 'delete from sys_user' -- delete from sys_user"],
])('what only reads or mentions another table is its own: %s', (statement) => {
  expect(new Set(sqlTargets(statement)?.touched)).toEqual(new Set(['greeting_word']))
})
