/**
 * Who may import whom in a plugin that is installed: what the architecture rules say of one that ships with the
 * product. Types are gone when this is asked, so where a layer may take types only, it may take nothing here.
 */

const LAYERS = ['api', 'schema', 'service', 'crud', 'model'] as const
type Layer = (typeof LAYERS)[number]

interface Rules {
  /** Layers of the plugin itself. */
  readonly own: readonly Layer[]
  /** Modules of the product, by path below `backend/`. */
  readonly product: RegExp
  readonly npm: (name: string) => boolean
}

const isWeb = (name: string) => name === 'fastify' || name.startsWith('@fastify/')
const APP_SERVICE_OR_MODEL = 'app/[^/]+/(?:service|model)/'
const APP_MODEL = 'app/[^/]+/model/'

const RULES: Readonly<Record<Layer, Rules>> = {
  api: {
    own: ['api', 'schema', 'service'],
    product: /^(?:(?:common|middleware|utils)\/|core\/(?:app|tokens)$)/,
    npm: (name) => isWeb(name) || name === 'zod',
  },
  schema: { own: ['schema'], product: /^common\/(?:schema|enums|paging)$/, npm: (name) => name === 'zod' },
  service: {
    own: ['crud', 'service', 'model'],
    product: new RegExp(
      `^(?:${APP_SERVICE_OR_MODEL}|(?:common|core|utils|locale)/|database/(?:locks|pg-error|scoped-model)$)`,
    ),
    npm: (name) => !isWeb(name) && !['drizzle-orm', 'postgres', 'zod'].includes(name),
  },
  crud: {
    own: ['crud', 'model'],
    product: new RegExp(`^(?:${APP_MODEL}|(?:database|common)/)`),
    npm: (name) => name === 'drizzle-orm',
  },
  model: {
    own: ['model'],
    product: new RegExp(`^(?:${APP_MODEL}|database/(?:columns|scoped-model)$|common/enums$)`),
    npm: (name) => name === 'drizzle-orm',
  },
}

/** `plugin.ts` and what lies in no layer: texts, menus, seeds. */
const ELSEWHERE: Pick<Rules, 'product' | 'npm'> = {
  product: new RegExp(`^(?:${APP_SERVICE_OR_MODEL}|(?:common|core|database|locale|middleware|utils)/)`),
  npm: () => true,
}

/** Of the plugins' own machinery, the words that they are written in. */
const MACHINERY = /^core\/plugin\/(?!(?:definition|manifest)$)/
/** They start other code, or change how code is loaded. */
const FORBIDDEN_BUILT_INS = new Set(
  ['child_process', 'cluster', 'inspector', 'module', 'process', 'repl', 'vm', 'wasi', 'worker_threads'].flatMap(
    (name) => [name, `${name}/promises`],
  ),
)

function layerOf(path: string): Layer | undefined {
  return LAYERS.find((layer) => path.startsWith(`${layer}/`))
}

/** Whether a file of a plugin may import another of its own; both paths from the plugin's folder. */
export function mayImportOwn(from: string, to: string): boolean {
  if (to.startsWith('tests/')) return false
  const layer = layerOf(from)
  if (layer === undefined) return true
  const target = layerOf(to)
  return target !== undefined && RULES[layer].own.includes(target)
}

/** Whether a file may import a module of the product; `to` is its path below `backend/`. */
export function mayImportProduct(from: string, to: string, depends_on: readonly string[]): boolean {
  if (MACHINERY.test(to) || to.split('/').includes('tests')) return false
  const layer = layerOf(from)
  const [area, name = '', part = ''] = to.split('/')
  if (area === 'plugin') {
    // Of a plugin that it depends on it may use what it may use of an application.
    const asOfApp = mayImportProduct(from, `app/${to.slice('plugin/'.length)}`, [])
    return depends_on.includes(name) && ['service', 'model'].includes(part) && asOfApp
  }
  return (layer === undefined ? ELSEWHERE : RULES[layer]).product.test(to)
}

/** Whether a file may import an npm package, the product's or the plugin's own. */
export function mayImportPackage(from: string, name: string): boolean {
  const layer = layerOf(from)
  return (layer === undefined ? ELSEWHERE : RULES[layer]).npm(name)
}

/** Whether a module of Node.js may be imported. */
export function mayImportBuiltIn(specifier: string): boolean {
  return !FORBIDDEN_BUILT_INS.has(specifier.replace(/^node:/, ''))
}
