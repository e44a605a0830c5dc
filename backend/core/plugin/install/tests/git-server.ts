import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface GitServer {
  port: number
  /** What was asked for. */
  requests: string[]
  close(): void
}

/** The name in the certificate, which no name server knows. */
export const GIT_HOST = 'git.example.test'

/** Serves the bare repositories of a folder over https as a forge does, by git's own program. */
export async function startGitServer(folder: string): Promise<GitServer & { ca_file: string }> {
  const key = join(folder, 'key.pem')
  const ca_file = join(folder, 'certificate.pem')
  const names = ['-subj', `/CN=${GIT_HOST}`, '-addext', `subjectAltName=DNS:${GIT_HOST}`]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', ...kind, '-keyout', key, '-out', ca_file, ...names], { stdio: 'ignore' })
  const requests: string[] = []
  const server: Server = createServer({ key: readFileSync(key), cert: readFileSync(ca_file) }, (request, reply) => {
    const url = new URL(request.url ?? '/', 'https://localhost')
    requests.push(url.pathname)
    if (url.pathname.startsWith('/moved/')) {
      reply.writeHead(302, { location: `/${url.pathname.slice('/moved/'.length)}${url.search}` }).end()
      return
    }
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH ?? '',
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method ?? 'GET',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        REMOTE_ADDR: '127.0.0.1',
      },
    })
    request.pipe(backend.stdin)
    const chunks: Buffer[] = []
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    backend.on('close', () => {
      const output = Buffer.concat(chunks)
      const end = output.indexOf('\r\n\r\n')
      const headers = output.toString('latin1', 0, end).split('\r\n')
      for (const line of headers) {
        const [name = '', ...value] = line.split(': ')
        if (name.toLowerCase() === 'status') reply.statusCode = Number.parseInt(value.join(), 10)
        else if (name !== '') reply.setHeader(name, value.join(': '))
      }
      reply.end(output.subarray(end + 4))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return { port: (server.address() as AddressInfo).port, requests, ca_file, close: () => server.close() }
}

/** A bare repository `<name>.git` whose only commit holds what `fill` writes into a working tree. */
export function makeRepository(folder: string, name: string, fill: (tree: string) => void): void {
  const tree = join(folder, `${name}-tree`)
  mkdirSync(tree)
  const git = (...args: string[]) =>
    execFileSync(
      'git',
      ['-c', 'user.name=t', '-c', 'user.email=t@example.test', '-c', 'init.defaultBranch=main', ...args],
      {
        cwd: tree,
        stdio: 'ignore',
      },
    )
  git('init')
  fill(tree)
  git('add', '-A')
  git('commit', '-m', 'all')
  git('clone', '--bare', tree, join(folder, `${name}.git`))
}
