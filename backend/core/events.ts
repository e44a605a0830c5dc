import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Touched } from '#backend/core/actor-cache'
import type { Ctx } from '#backend/core/ctx'
import type { Log } from '#backend/core/log'
import type { Database } from '#backend/database/db'

/** What processes tell each other, by name. An application adds its own by merging into this interface. */
export interface EventPayloads {
  /** Somebody's standing has changed. */
  'access.changed': { touched: readonly Touched[] }
  /** Sessions have ended: whatever belongs to them (a socket, a stream) is to be closed. */
  'session.ended': { session_uuids: readonly string[]; reason: string }
}
export type EventName = keyof EventPayloads

export interface Origin {
  /** Whether this very process sent it. */
  own: boolean
}
export type EventHandler<N extends EventName> = (payload: EventPayloads[N], origin: Origin) => void

/**
 * Events between all processes of one database, carried by its notifications: sent inside a transaction, delivered once
 * it has committed, never when it has not. A process that is cut off misses some and is told so by `onGap`.
 */
export interface Events {
  emit<N extends EventName>(ctx: Ctx, name: N, payload: EventPayloads[N]): Promise<void>
  on<N extends EventName>(name: N, handler: EventHandler<N>): () => void
  /** Called at every (re)connection: events may have been missed. */
  onGap(handler: () => void): () => void
  start(): Promise<void>
  stop(): Promise<void>
}

interface Message {
  origin: string
  name: EventName
  payload: EventPayloads[EventName]
}

const CHANNEL = 'fba_events'
/** PostgreSQL's limit for one notification is 8000 bytes. */
const MESSAGE_BYTES_MAX = 7900

export function createEvents({ database, log }: { database: Database; log: Log }): Events {
  const origin = randomUUID()
  const handlers = new Map<EventName, Set<EventHandler<EventName>>>()
  const gapHandlers = new Set<() => void>()
  let unlisten: (() => Promise<void>) | undefined

  function guarded(work: () => void) {
    try {
      work()
    } catch (error) {
      log.error({ err: error }, 'an event handler failed')
    }
  }

  function deliver(text: string) {
    const message = JSON.parse(text) as Message
    const from: Origin = { own: message.origin === origin }
    for (const handler of handlers.get(message.name) ?? []) guarded(() => handler(message.payload, from))
  }

  return {
    async emit(ctx, name, payload) {
      const text = JSON.stringify({ origin, name, payload } satisfies Message)
      if (Buffer.byteLength(text) > MESSAGE_BYTES_MAX) throw new RangeError(`event ${name} is too large`)
      await ctx.db.execute(sql`select pg_notify(${CHANNEL}, ${text})`)
    },
    on(name, handler) {
      const known = handlers.get(name) ?? new Set()
      handlers.set(name, known)
      known.add(handler as EventHandler<EventName>)
      return () => known.delete(handler as EventHandler<EventName>)
    },
    onGap(handler) {
      gapHandlers.add(handler)
      return () => gapHandlers.delete(handler)
    },
    async start() {
      const listening = await database.sql.listen(CHANNEL, deliver, () => {
        for (const handler of gapHandlers) guarded(handler)
      })
      unlisten = () => listening.unlisten()
    },
    async stop() {
      await unlisten?.()
      unlisten = undefined
    },
  }
}
