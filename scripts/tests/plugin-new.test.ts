import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { copyRepository, fbaPlugin } from './copy.js'
import { filesBelow } from './repository.js'

const FOLDER = 'backend/plugin/hello_world'
const copy = copyRepository()
afterAll(() => copy.remove())

const fba = (...args: string[]) => fbaPlugin(copy.path, ...args)
const written = () =>
  readdirSync(join(copy.path, FOLDER), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())

describe('fba plugin new', () => {
  test('writes a file for each of its templates, every name filled in', async () => {
    const { code, output } = await fba('new', 'hello_world')
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('plugin check') })
    expect(written()).toHaveLength(filesBelow('backend/scripts/templates/plugin', '.txt').length)
    for (const { parentPath, name } of written())
      expect(readFileSync(join(parentPath, name), 'utf8')).not.toMatch(/__[a-z_]+__/)
  })

  test('overwrites nothing, and refuses what is no name', async () => {
    for (const name of ['hello_world', 'Hello', '../hello', 'hello-world', '1st', 'x'.repeat(33)])
      expect(await fba('new', name)).toMatchObject({ code: 1, output: expect.stringMatching(/^error: [^\n]+\n$/) })
    expect(readdirSync(join(copy.path, 'backend/plugin'))).toContain('hello_world')
  })
})

describe('fba plugin check', () => {
  test('says what a sound plugin brings, and writes the archive, which passes too', async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const key = join(copy.path, 'key.pem')
    writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const archive = join(copy.path, 'hello_world.zip')
    const { code, output } = await fba('check', FOLDER, '--output', archive, '--key', key)
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/GET \/api\/v1\/hello_world\/notes[\s\S]*hello_world 0\.1\.0 can be installed/),
    })
    // Beside the folder that it was made from it has the name of a plugin of this product.
    expect(await fba('check', archive)).toMatchObject({
      code: 1,
      output: expect.stringContaining('ships with the product'),
    })
    renameSync(join(copy.path, FOLDER), join(copy.path, 'aside'))
    const alone = await fba('check', archive)
    renameSync(join(copy.path, 'aside'), join(copy.path, FOLDER))
    expect(alone).toMatchObject({ code: 0, output: expect.stringContaining('can be installed') })
  })

  test('tells in one line what is wrong, and writes nothing', async () => {
    const entry = join(copy.path, FOLDER, 'plugin.ts')
    const source = readFileSync(entry, 'utf8')
    const archive = join(copy.path, 'broken.zip')
    for (const [code, reason] of [
      ["import '#backend/server'\n", 'plugin.ts may not import #backend/server'],
      ['setInterval(() => {}, 1000)\n', 'keeps something open after it was closed: Timeout'],
    ]) {
      writeFileSync(entry, code + source)
      const { code: status, output } = await fba('check', FOLDER, '--output', archive)
      expect({ status, output }).toEqual({ status: 1, output: expect.stringMatching(/^error: [^\n]+\n$/) })
      expect(output).toContain(reason)
    }
    writeFileSync(entry, source)
    expect(existsSync(archive)).toBe(false)
    expect(await fba('check', 'nowhere')).toMatchObject({ code: 1, output: 'error: nowhere: no such file or folder\n' })
  })
})
