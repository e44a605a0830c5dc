import { createRequire } from 'node:module'
import { join } from 'node:path'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { ROOT } from './repository.js'

const load = createRequire(import.meta.url)

/** Who may import whom. */
export const RULES = load('../../.dependency-cruiser.cjs') as IConfiguration
type Rules = NonNullable<IConfiguration['forbidden']>
const { pluginBorders } = load('../plugin-borders.cjs') as { pluginBorders: (root: string) => Rules }

/** Those between plugins are what the manifests below a folder say. */
function rulesBelow(base_dir: string): Rules {
  const fixed = (RULES.forbidden ?? []).filter(({ name }) => name !== 'other-plugin')
  return [...fixed, ...pluginBorders(base_dir)]
}

/** Follows the imports of some folders below `base_dir` and holds them against the rules. */
export async function cruiseWith(base_dir: string, folders: string[], options: object = {}): Promise<ICruiseResult> {
  const { enhancedResolveOptions, tsConfig: _, ...rest } = RULES.options ?? {}
  const { output } = await cruise(
    folders,
    { ...rest, ...options, baseDir: base_dir, validate: true, ruleSet: { forbidden: rulesBelow(base_dir) } },
    enhancedResolveOptions ?? {},
    { tsConfig: extractTSConfig(join(ROOT, 'tsconfig.json')) },
  )
  if (typeof output === 'string') throw new Error(output)
  return output
}

/** The violations, a line each. */
export const told = ({ summary }: ICruiseResult) =>
  summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
