import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PacedOptions {
  url: string
  method: string
  /** Of the connection with this number. */
  headers: (index: number) => Readonly<Record<string, string>>
  body?: string
  connections: number
  seconds: number
  /** Requests per second of all connections together. */
  rate: number
}

/**
 * Milliseconds of each answer at a steady rate, counted from when its request was due: one that had to wait for an
 * answer before it has taken longer, and nobody else is asked less for it. Rejects on an answer that is not 2xx.
 */
export async function paced(options: PacedOptions): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections })
  const pause_ms = (1000 * options.connections) / options.rate
  const begun = performance.now()
  const times: number[] = []
  async function connection(index: number): Promise<void> {
    for (let due = (pause_ms * index) / options.connections; due < options.seconds * 1000; due += pause_ms) {
      const early_ms = due - (performance.now() - begun)
      if (early_ms > 0) await sleep(early_ms)
      await answered(agent, options, options.headers(index))
      times.push(performance.now() - begun - due)
    }
  }
  try {
    await Promise.all(Array.from({ length: options.connections }, (_, index) => connection(index)))
    return times
  } finally {
    agent.destroy()
  }
}

function answered(
  agent: Agent,
  { url, method, body }: PacedOptions,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent, method, headers }, (response) => {
      const { statusCode = 0 } = response
      response.resume().once('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve()
        else reject(new Error(`${method} ${url}: ${statusCode}`))
      })
    })
    asking.once('error', reject)
    asking.end(body)
  })
}
