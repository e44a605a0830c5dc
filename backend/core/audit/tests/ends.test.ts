import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openEnds } from '#backend/core/audit/ends'
import { workplace } from '#backend/core/audit/tests/audit.fixture'

let place: ReturnType<typeof workplace>
beforeEach(() => {
  place = workplace()
  mkdirSync(join(place.root, 'audit'))
})
afterEach(() => place.remove())

test('where there is no folder yet there is nothing to forget', async () => {
  const none = openEnds({ DATA_DIR: join(place.root, 'none'), DATABASE_URL: undefined })
  await none.forget()
  expect(await none.read()).toEqual([])
})

const end = (nr: number) => ({
  stream: `0198a000-0000-7000-8000-00000000000${nr}`,
  seq: nr,
  hash: String(nr).repeat(64),
})
const of = (DATABASE_URL?: string) => openEnds({ DATA_DIR: place.root, DATABASE_URL })

test('ends are known of the database they were noted for, whoever signs in to it, and none before the first', async () => {
  expect(await of().read()).toEqual([])
  await of().note(end(1))
  await of('postgres://fba:p@ss/word@db:5432/fba?sslmode=require').note(end(2))
  await of('postgres://fba:secret@db/fba').note(end(3))
  expect(await of().read()).toEqual([end(1)])
  expect(await of('postgresql://somebody:else@db:5432/fba').read()).toEqual([end(2)])
  expect(await of('postgres://db/fba').read()).toEqual([end(3)])
})

test('a line that was cut short costs no other', async () => {
  await of().note(end(1))
  appendFileSync(join(place.root, 'audit', 'ends.jsonl'), '{"database":"embedded","stream":"0198')
  await of().note(end(2))
  expect(await of().read()).toEqual([end(1), end(2)])
})

test('of a database that is emptied on purpose nothing is missed, of others everything', async () => {
  await of().note(end(1))
  await of('postgres://db/fba').note(end(2))
  await of().forget()
  await of().forget()
  expect(await of().read()).toEqual([])
  expect(await of('postgres://db/fba').read()).toEqual([end(2)])
})
