import { describe, expect, test } from 'vitest'
import { controlsTransaction, splitSql } from '#backend/database/sql-statements'

const texts = (source: string) => splitSql(source).map(({ text }) => text)

describe('splitting SQL', () => {
  test.each([
    ["select ';'; select 2", ["select ';'", 'select 2']],
    ["select 'it''s;'; select 2", ["select 'it''s;'", 'select 2']],
    ["select 'back\\'; select 2", ["select 'back\\'", 'select 2']],
    ["select E'quote\\';'; select 2", ["select E'quote\\';'", 'select 2']],
    ['select 1 as "a;""b"; select 2', ['select 1 as "a;""b"', 'select 2']],
    ['select $$a;b$$; select $x$ $$;$y$ $x$; select 3', ['select $$a;b$$', 'select $x$ $$;$y$ $x$', 'select 3']],
    ['select a$b$; select c$b$', ['select a$b$', 'select c$b$']],
    ['prepare p as select $1; execute p(1)', ['prepare p as select $1', 'execute p(1)']],
    ['select 1 -- a; b\n, 2; select 3', ['select 1 -- a; b\n, 2', 'select 3']],
    ['/* a; /* b; */ c; */ select 1; select 2', ['select 1', 'select 2']],
    [';;  ; select 1 ;;', ['select 1']],
    ['-- nothing', []],
  ])('%s', (source, expected) => {
    expect(texts(source)).toEqual(expected)
  })

  test('the body of a standard function is one with its head, whatever it holds', () => {
    const body = 'create function f(x int) returns int begin atomic select case x when 1 then 2 end; select 3; end'
    expect(texts(`${body}; select 4`)).toEqual([body, 'select 4'])
  })

  test('lines are those of the first word', () => {
    expect(splitSql('-- head\n\nselect 1;\n/* c\n */ select\n2;').map(({ line }) => line)).toEqual([3, 5])
  })

  test('statements that would end the transaction are told from those that only look so', () => {
    const controls = (text: string) => controlsTransaction({ text, line: 1 })
    for (const text of [
      'BEGIN',
      'start transaction',
      'Commit work',
      'end',
      'rollback',
      'abort',
      "prepare  transaction 'x'",
    ])
      expect({ text, controls: controls(text) }).toEqual({ text, controls: true })
    for (const text of [
      'savepoint a',
      'rollback to a',
      'rollback work to savepoint a',
      'prepare p as select 1',
      'select 1',
    ])
      expect({ text, controls: controls(text) }).toEqual({ text, controls: false })
  })
})
