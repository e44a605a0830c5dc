import type { Ctx } from '#backend/core/ctx'

/** What is told to plugins, by name. An application adds its own by merging into this interface. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by merging
export interface HookPayloads {}
export type HookName = keyof HookPayloads

/**
 * Handlers by name. They run in the transaction of whoever calls them, before it commits: what a handler throws undoes
 * the change, and a Refusal is the answer.
 */
export type Hooks = { readonly [N in HookName]?: (ctx: Ctx, payload: HookPayloads[N]) => Promise<void> }

export interface HookRunner {
  /** Calls the handlers one after the other, in the order of the plugins' dependencies. */
  run<N extends HookName>(ctx: Ctx, name: N, payload: HookPayloads[N]): Promise<void>
}

export function hookRunner(all: readonly Hooks[]): HookRunner {
  return {
    async run(ctx, name, payload) {
      for (const hooks of all) await hooks[name]?.(ctx, payload)
    },
  }
}
