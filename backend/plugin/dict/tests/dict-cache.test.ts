import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ctx, withTx } from '#backend/core/ctx'
import { systemCtx } from '#backend/core/host'
import { openProcess, type Process } from '#backend/core/tests/process.fixture'
import { dictData } from '#backend/plugin/dict/model/dict-data.model'
import { dictType } from '#backend/plugin/dict/model/dict-type.model'
import { cachedValues } from '#backend/plugin/dict/service/dict-cache'
import { listOfCode, update } from '#backend/plugin/dict/service/dict-data.service'
import { createTestApp, type SignedIn, type TestApp } from '#backend/tests/harness'

let t: TestApp
let root: SignedIn
/** Another process of the same database. */
let other: Process
let here: Ctx

beforeAll(async () => {
  t = await createTestApp()
  root = await t.signInSuperuser()
  here = systemCtx(t.host)
  other = await openProcess({ database_url: t.config.DATABASE_URL ?? '' })
})
afterAll(async () => {
  await other.close()
  await t.close()
})

/** A type of its own with one value. */
async function make(code: string) {
  const [type] = await t.db.insert(dictType).values({ code, name: code }).returning()
  const fields = {
    type_id: type?.id ?? 0,
    label: 'old',
    value: '1',
    sort: 1,
    status: 1 as const,
    color: null,
    remark: null,
  }
  const [row] = await t.db
    .insert(dictData)
    .values({ ...fields, type_code: code })
    .returning()
  return { id: row?.id ?? 0, fields }
}

const labels = async (ctx: Ctx, code: string) => (await listOfCode(ctx, code)).map(({ label }) => label)
const relabel = (id: number, label: string) => t.db.update(dictData).set({ label }).where(eq(dictData.id, id))

test('what has been read is kept: the database is not asked again', async () => {
  const { id } = await make('kept')
  expect(await labels(here, 'kept')).toEqual(['old'])
  await relabel(id, 'behind its back')
  expect(await labels(here, 'kept')).toEqual(['old'])
  expect(await labels(other.ctx, 'kept')).toEqual(['behind its back'])
})

test('each change is seen by the next request of its own process, and soon by every other', async () => {
  const { id, fields } = await make('changing')
  const shown = async () => (await root.get('/sys/dict-datas/type-codes/changing')).body.data
  expect(await shown()).toMatchObject([{ label: 'old' }])
  expect(await labels(other.ctx, 'changing')).toEqual(['old'])

  await root.put(`/sys/dict-datas/${id}`, { ...fields, label: 'changed' })
  expect(await shown()).toMatchObject([{ label: 'changed' }])
  await expect.poll(() => labels(other.ctx, 'changing')).toEqual(['changed'])

  await root.post('/sys/dict-datas', { ...fields, label: 'first', sort: 0 })
  expect(await shown()).toMatchObject([{ label: 'first' }, { label: 'changed' }])
  await expect.poll(() => labels(other.ctx, 'changing')).toEqual(['first', 'changed'])

  await root.delete('/sys/dict-datas', { pks: [id] })
  expect(await shown()).toMatchObject([{ label: 'first' }])
  await expect.poll(() => labels(other.ctx, 'changing')).toEqual(['first'])

  await root.put(`/sys/dict-types/${fields.type_id}`, { name: 'x', code: 'renamed' })
  expect((await root.get('/sys/dict-datas/type-codes/changing')).status).toBe(404)
  await expect.poll(() => labels(other.ctx, 'renamed')).toEqual(['first'])
  await expect(labels(other.ctx, 'changing')).rejects.toThrow('dict.type_not_found')
})

describe('a slow reader', () => {
  /** Reads the value, which is changed before what was read is given; the next one reads the new value. */
  async function overtaken(code: string, reader: Ctx): Promise<void> {
    const { id, fields } = await make(code)
    // The cache listens from its first use on.
    await labels(reader, 'sys_status')
    const heard = new Promise<void>((resolve) => {
      reader.events.on('dict.changed', () => resolve())
    })
    const read = await cachedValues(reader, code, async () => {
      const rows = await t.db.select().from(dictData).where(eq(dictData.type_code, code))
      await update(here, id, { ...fields, label: 'new' })
      await heard
      return rows
    })
    expect(read).toMatchObject([{ label: 'old' }])
    expect(await labels(reader, code)).toEqual(['new'])
  }

  test('does not put an old value back on the process of the change', () => overtaken('slow_here', here))
  test('does not put an old value back on another process', () => overtaken('slow_there', other.ctx))
})

/** The other process has heard all that was told before. */
async function allHeard(): Promise<void> {
  const heard = new Promise<void>((resolve) => {
    other.ctx.events.on('session.ended', () => resolve())
  })
  await here.events.emit(here, 'session.ended', { session_uuids: [], reason: 'x' })
  await heard
}

test('a process that was cut off forgets what it knew', async () => {
  const { id } = await make('cut_off')
  await allHeard()
  expect(await labels(other.ctx, 'cut_off')).toEqual(['old'])
  await relabel(id, 'missed')
  expect(await labels(other.ctx, 'cut_off')).toEqual(['old'])
  await t.host.database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%'`
  await expect.poll(() => labels(other.ctx, 'cut_off'), { timeout: 10_000 }).toEqual(['missed'])
})

test('what a transaction reads that is undone is not kept', async () => {
  const { id, fields } = await make('undone')
  const undone = withTx(here, async (ctx) => {
    await update(ctx, id, { ...fields, label: 'never' })
    expect(await labels(ctx, 'undone')).toEqual(['never'])
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  expect(await labels(here, 'undone')).toEqual(['old'])
})
