import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BadRequest, type Refusal, Unavailable } from '#backend/common/errors'
import { shown } from '#backend/core/plugin/install/file-names'
import { endGroup } from '#backend/core/plugin/install/limited-process'
import { SMOKE_LIMITS, type SmokeLimits } from '#backend/core/plugin/install/limits'
import { MODULE_EXTENSION, productFolders, productManifest } from '#backend/core/plugin/install/product'
import { SmokeMessage, type SmokeOrder, type SmokeReport } from '#backend/core/plugin/install/smoke-report'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { MessageKey, MessageParams } from '#backend/locale/translate'

const CHILD = fileURLToPath(new URL(`smoke-child${MODULE_EXTENSION}`, import.meta.url))
const MEMORY_CHECK_MS = 100

/**
 * Tries a compiled plugin in a process of its own, with the product's modules but none of its settings or connections,
 * and says what it brings. Throws BadRequest where it throws, hangs, exits, takes too much, is no plugin, or keeps
 * something open that would outlive it in the server; Unavailable where the machine is too busy to try it.
 */
export async function smokeLoad(
  file: string,
  { manifest, folder, limits = SMOKE_LIMITS }: { manifest: PluginManifest; folder: string; limits?: SmokeLimits },
): Promise<SmokeReport> {
  const child = start(folder, limits)
  const trial = new Trial(child, limits)
  const order: SmokeOrder = { word: trial.word, url: pathToFileURL(file).href, manifest }
  try {
    child.send(order, () => undefined)
    return await trial.outcome()
  } finally {
    await finish(child)
  }
}

/** Nothing of the environment goes along: no secret, and no setting that would change how it runs. */
function start(cwd: string, limits: SmokeLimits): ChildProcess {
  const flags = [`--max-old-space-size=${limits.heap_mb}`, '--unhandled-rejections=throw']
  return spawn(process.execPath, [...flags, ...loaderFlags(cwd), CHILD], {
    cwd,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own, so that what it starts ends with it.
    detached: process.platform !== 'win32',
  })
}

/**
 * The built program is run without the right to write files, to start programs, or to read more than the product and the
 * staging folder. Sources are run by the loader that runs the product itself, which needs these rights.
 */
function loaderFlags(folder: string): string[] {
  if (MODULE_EXTENSION === '.ts')
    return ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  const readable = [...productFolders().map((path) => `${path}/*`), productManifest(), `${folder}/*`]
  return [permission, ...readable.map((path) => `--allow-fs-read=${path}`)]
}

async function finish(child: ChildProcess): Promise<void> {
  const running = child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const ended = running ? once(child, 'exit') : undefined
  endGroup(child)
  await ended
}

/** Watches one process until it has said all and ended, or has broken a rule. */
class Trial {
  readonly word = randomBytes(16).toString('hex')
  private deadline: NodeJS.Timeout | undefined
  private memory_checks: NodeJS.Timeout | undefined
  private report: SmokeReport | undefined
  /** Undefined until the application was closed. */
  private left: string[] | undefined
  private output = ''
  private written = 0

  constructor(
    private readonly child: ChildProcess,
    private readonly limits: SmokeLimits,
  ) {}

  async outcome(): Promise<SmokeReport> {
    try {
      return await new Promise((resolve, reject) => this.watch(resolve, reject))
    } finally {
      clearTimeout(this.deadline)
      clearInterval(this.memory_checks)
      this.child.removeAllListeners('message')
    }
  }

  private watch(resolve: (report: SmokeReport) => void, reject: (reason: unknown) => void): void {
    const { child, limits } = this
    const within = (ms: number, late: () => Refusal) => {
      clearTimeout(this.deadline)
      this.deadline = setTimeout(() => reject(late()), ms)
    }
    within(limits.start_ms, () => new Unavailable('error.unavailable'))
    this.memory_checks = setInterval(() => void this.checkMemory().catch(reject), MEMORY_CHECK_MS)
    child.on('message', (message) => {
      const refusal = this.hear(message)
      if (refusal !== undefined) reject(refusal)
      else if (this.report === undefined) within(limits.load_ms, () => this.hangs())
      // From now on it only has to end.
      else within(limits.end_ms, () => this.leak())
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        if (!this.keep(chunk)) reject(refusal('smoke_output', { max: limits.output_bytes }))
      })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (this.report !== undefined && this.left !== undefined && code === 0) resolve(this.report)
      else reject(this.ended(signal ?? String(code)))
    })
  }

  /** Takes in one message; what does not know the word was not said by our own code. */
  private hear(message: unknown): BadRequest | undefined {
    const parsed = SmokeMessage.safeParse(message)
    if (!parsed.success || parsed.data.word !== this.word) return refusal('smoke_forged')
    const said = parsed.data
    switch (said.kind) {
      case 'ready':
        return undefined
      case 'report':
        this.report = said.report
        return undefined
      case 'left':
        this.left = said.resources
        return said.resources.length > 0 ? this.leak() : undefined
      case 'threw':
        return refusal('smoke_threw', { reason: shown(said.reason) })
      case 'invalid':
        return refusal('smoke_invalid', { reason: shown(said.reason) })
    }
  }

  private keep(chunk: Buffer): boolean {
    this.written += chunk.length
    this.output = (this.output + chunk.toString()).slice(-4096)
    return this.written <= this.limits.output_bytes
  }

  private ended(code: string): BadRequest {
    if (/heap out of memory|Array buffer allocation failed/.test(this.output)) return this.tooMuchMemory()
    return refusal('smoke_exited', { code })
  }

  private hangs(): BadRequest {
    return refusal('smoke_hangs', { seconds: this.limits.load_ms / 1000 })
  }

  private leak(): BadRequest {
    return refusal('smoke_leak', { kinds: shown([...new Set(this.left)].join(', ')) })
  }

  private tooMuchMemory(): BadRequest {
    return refusal('smoke_memory', { max: this.limits.heap_mb })
  }

  /** Memory outside of the heap has no limit of its own; where the system tells, it is read there. */
  private async checkMemory(): Promise<void> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8').catch(() => '')
    const resident_kb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
    if (resident_kb > this.limits.resident_mb * 1024) throw this.tooMuchMemory()
  }
}

type Reason = MessageKey extends infer K ? (K extends `plugin.install.${infer R}` ? R : never) : never

const refusal = (reason: Reason, params: MessageParams = {}) => new BadRequest(`plugin.install.${reason}`, { params })
