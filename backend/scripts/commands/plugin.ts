import { systemCtx } from '#backend/core/host'
import { withHost } from '#backend/scripts/cli-host'
import { Mistake } from '#backend/scripts/explain'

/** Prints the plugins of the installation. */
export async function list(): Promise<void> {
  const rows = await withHost(async (host) => {
    const ctx = systemCtx(host)
    return ctx.plugins.list(ctx)
  })
  for (const { name, version, source, enabled } of rows)
    console.log(`${name}  ${version}  ${source}  ${enabled ? 'enabled' : 'disabled'}`)
  console.log(`${rows.length} plugins`)
}

/** Puts a plugin into use or out of use, and returns when every process that serves has followed. */
export async function setEnabled(name: string, enabled: boolean): Promise<void> {
  const word = enabled ? 'enabled' : 'disabled'
  await withHost(async (host) => {
    const ctx = systemCtx(host)
    const row = (await ctx.plugins.list(ctx)).find((one) => one.name === name)
    if (row === undefined) throw new Mistake(`No plugin is named ${name}.`)
    if (row.enabled === enabled) {
      console.log(`${name} was ${word}`)
      return
    }
    const { out_of_service } = await ctx.plugins.toggle(ctx, name)
    console.log(`${name} is ${word}`)
    for (const process of out_of_service) console.log(`out of service: ${JSON.stringify(process)}`)
  })
}
