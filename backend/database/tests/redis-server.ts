import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const hasRedisServer = spawnSync('redis-server', ['--version']).status === 0

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

export type PrivateRedis = { url: string; stop: () => Promise<void>; signal: (name: NodeJS.Signals) => void }

/** A server of the test's own, without persistence. A missing binary fails the test unless TEST_REDIS=skip. */
export async function startRedis(port: number): Promise<PrivateRedis> {
  if (!hasRedisServer)
    throw new Error('needs redis-server on the PATH or TEST_REDIS_URL; TEST_REDIS=skip leaves Redis out')
  const folder = await mkdtemp(join(tmpdir(), 'kv-redis-'))
  const child = spawn('redis-server', ['--save', '', '--bind', '127.0.0.1', '--port', String(port)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('Ready to accept connections')) resolve()
    })
    child.once('exit', () => reject(new Error(`redis-server ended: ${output}`)))
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}
