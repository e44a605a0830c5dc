import type { MessageKey, MessageParams } from '#backend/locale/translate'

export interface RefusalOptions {
  params?: MessageParams
  data?: unknown
  /** Business code of the envelope where it says more than the HTTP status. */
  code?: number
  headers?: Record<string, string>
  cause?: unknown
}

/** A refusal that the client is told about. Anything else that is thrown is a bug: 500, logged, text hidden. */
export abstract class Refusal extends Error {
  abstract readonly status: number
  readonly key: MessageKey
  readonly params: MessageParams
  readonly data: unknown
  readonly code: number | undefined
  readonly headers: Record<string, string>

  constructor(key: MessageKey, options: RefusalOptions = {}) {
    super(key, { cause: options.cause })
    this.name = new.target.name
    this.key = key
    this.params = options.params ?? {}
    this.data = options.data ?? null
    this.code = options.code
    this.headers = options.headers ?? {}
  }
}

export class BadRequest extends Refusal {
  readonly status = 400
}
export class Unauthenticated extends Refusal {
  readonly status = 401
}
export class Forbidden extends Refusal {
  readonly status = 403
}
export class NotFound extends Refusal {
  readonly status = 404
}
export class MethodNotAllowed extends Refusal {
  readonly status = 405
}
export class Conflict extends Refusal {
  readonly status = 409
}
export class TooManyRequests extends Refusal {
  readonly status = 429
}
/** A dependency is away; always with Retry-After. */
export class Unavailable extends Refusal {
  readonly status = 503
}

/** One wrong value of a request that only the domain can see (a rule's value, say). Answered like a failed validation. */
export class Unprocessable extends Refusal {
  readonly status = 422
  constructor(readonly problems: readonly FieldProblem[]) {
    super('error.validation')
  }
}

export interface FieldProblem {
  loc: (string | number)[]
  type: string
  key: MessageKey
  params?: MessageParams
  input?: unknown
}
