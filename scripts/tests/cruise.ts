import { createRequire } from 'node:module'
import { join } from 'node:path'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { ROOT } from './repository.js'

/** Who may import whom. */
export const RULES = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IConfiguration

/** Follows the imports of some folders below `base_dir` and holds them against the rules. */
export async function cruiseWith(base_dir: string, folders: string[], options: object = {}): Promise<ICruiseResult> {
  const { enhancedResolveOptions, tsConfig: _, ...rest } = RULES.options ?? {}
  const { output } = await cruise(
    folders,
    { ...rest, ...options, baseDir: base_dir, validate: true, ruleSet: { forbidden: RULES.forbidden ?? [] } },
    enhancedResolveOptions ?? {},
    { tsConfig: extractTSConfig(join(ROOT, 'tsconfig.json')) },
  )
  if (typeof output === 'string') throw new Error(output)
  return output
}

/** The violations, a line each. */
export const told = ({ summary }: ICruiseResult) =>
  summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
