import { isBuiltin } from 'node:module'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { BuildFailure, Message, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { BadRequest } from '#backend/common/errors'
import { shown } from '#backend/core/plugin/install/file-names'
import {
  mayImportBuiltIn,
  mayImportOwn,
  mayImportPackage,
  mayImportProduct,
} from '#backend/core/plugin/install/import-rules'
import { ENTRY } from '#backend/core/plugin/install/manifest-check'
import { hasModule, modulePath, packageOf, productPackages, productUrl } from '#backend/core/plugin/install/product'
import type { PluginManifest } from '#backend/core/plugin/manifest'
import type { MessageKey } from '#backend/locale/translate'

/** What stands before the name of a module or package of the product in a bundle, until it is linked. */
const LINK = 'fba-link:'
const BUNDLE_BYTES_MAX = 8 * 1024 * 1024

export interface BundleSource {
  /** Real path of the folder that holds the plugin's files, and its `node_modules` where it has any. */
  folder: string
  manifest: Pick<PluginManifest, 'name' | 'depends_on'>
  /** The npm packages that its lock file brings. */
  packages: ReadonlySet<string>
}

/**
 * Compiles a plugin with its own npm packages to one ES module. Modules and packages of the product are not taken in:
 * they are named, and `link` says where a process has them, so that the bundle is the same on every process. Throws
 * BadRequest naming what cannot be compiled, or may not be imported.
 */
export async function bundle(source: BundleSource): Promise<string> {
  // Takes a tenth of a second to load, which only an installation needs.
  const { build } = await import('esbuild')
  const context: Context = { ...source, product: await productPackages() }
  try {
    const { warnings, outputFiles } = await build({
      entryPoints: [join(source.folder, ENTRY)],
      absWorkingDir: source.folder,
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      charset: 'utf8',
      legalComments: 'inline',
      sourcemap: 'inline',
      logLevel: 'silent',
      tsconfigRaw: '{}',
      // What is computed at run time cannot be checked now.
      logOverride: { 'unsupported-dynamic-import': 'warning', 'unsupported-require-call': 'warning' },
      ...(source.packages.size === 0 ? {} : { banner: { js: REQUIRE } }),
      plugins: [resolver(context)],
    })
    refuseComputed(warnings)
    const text = outputFiles[0]?.text ?? ''
    if (Buffer.byteLength(text) > BUNDLE_BYTES_MAX)
      throw new BadRequest('plugin.install.bundle_large', { params: { max: BUNDLE_BYTES_MAX } })
    return text
  } catch (error) {
    throw refusalOf(error)
  }
}

/** Packages in the older module format call it for modules of Node.js. */
const REQUIRE = `import { createRequire as fbaCreateRequire } from 'node:module'
const require = fbaCreateRequire(import.meta.url)`

/** The bundle with the place of everything that it takes from the product that runs in this process. */
export function link(text: string): string {
  return text.replaceAll(/"fba-link:([^"\\]+)"/g, (_, specifier: string) => JSON.stringify(productUrl(specifier)))
}

function refuseComputed(warnings: readonly Message[]): void {
  const found = warnings.find(
    ({ id, location }) =>
      id.startsWith('unsupported-') && location !== null && !location.file.includes('node_modules/'),
  )
  if (found?.location) refuse('plugin.install.import_computed', found.location.file, found.location.lineText.trim())
}

function refuse(key: MessageKey, file: string, specifier: string): never {
  throw new BadRequest(key, { params: { file: shown(file), import: shown(specifier) } })
}

/** A refusal that was thrown while resolving comes back inside esbuild's own error. */
function refusalOf(error: unknown): unknown {
  const [first] = (error as Partial<BuildFailure>).errors ?? []
  if (first === undefined) return error
  if (first.detail instanceof BadRequest) return first.detail
  const place = first.location === null ? '' : `${first.location.file}:${first.location.line}: `
  return new BadRequest('plugin.install.compile_failed', {
    params: { reason: shown(`${place}${first.text}`) },
    cause: error,
  })
}

interface Context extends BundleSource {
  product: ReadonlySet<string>
}

/** Decides every import itself; what is not allowed explicitly is refused. */
function resolver(context: Context): Plugin {
  return {
    name: 'plugin-imports',
    setup(build) {
      build.onResolve({ filter: /.*/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === LINK) return undefined
        try {
          return await resolve(context, build, args)
        } catch (error) {
          return { errors: [{ text: String(error), detail: error }] }
        }
      })
    },
  }
}

async function resolve(context: Context, build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult> {
  const file = fromFolder(context, args.importer)
  if (isBuiltin(args.path)) return builtIn(file, args.path)
  if (file.startsWith('node_modules/')) return within(context, build, args)
  if (args.path.startsWith('#')) return ofProduct(context, build, args, file)
  if (args.path.startsWith('./') || args.path.startsWith('../')) {
    const found = await within(context, build, args)
    if (!mayImportOwn(file, fromFolder(context, found.path ?? '')))
      refuse('plugin.install.import_layer', file, args.path)
    return found
  }
  return ofPackage(context, build, args, file)
}

function builtIn(file: string, path: string): OnResolveResult {
  const inPackage = file.startsWith('node_modules/')
  if (!inPackage && !mayImportBuiltIn(path)) refuse('plugin.install.import_forbidden', file, path)
  return { path: path.startsWith('node:') ? path : `node:${path}`, external: true }
}

/** `#backend/...`: the plugin's own files by their full name, or modules of the product. */
async function ofProduct(
  context: Context,
  build: PluginBuild,
  args: OnResolveArgs,
  file: string,
): Promise<OnResolveResult> {
  const path = modulePath(args.path)
  if (path === undefined) refuse('plugin.install.import_unknown', file, args.path)
  const prefix = `plugin/${context.manifest.name}/`
  if (path.startsWith(prefix)) {
    const own = `./${path.slice(prefix.length)}`
    const found = await within(context, build, { ...args, path: own, resolveDir: context.folder })
    if (!mayImportOwn(file, fromFolder(context, found.path ?? '')))
      refuse('plugin.install.import_layer', file, args.path)
    return found
  }
  if (!mayImportProduct(file, path, context.manifest.depends_on)) refuse('plugin.install.import_layer', file, args.path)
  if (!hasModule(path)) refuse('plugin.install.import_unknown', file, args.path)
  return { path: `${LINK}${args.path}`, external: true }
}

/** The product's copy where the product has one: a second copy of a library does not know the objects of the first. */
async function ofPackage(
  context: Context,
  build: PluginBuild,
  args: OnResolveArgs,
  file: string,
): Promise<OnResolveResult> {
  const name = packageOf(args.path)
  const isProducts = context.product.has(name)
  if (isAbsolute(args.path) || (!isProducts && !context.packages.has(name)))
    refuse('plugin.install.import_unknown', file, args.path)
  if (!mayImportPackage(file, name)) refuse('plugin.install.import_layer', file, args.path)
  if (!isProducts) return within(context, build, args)
  if (args.kind === 'require-call' || args.kind === 'require-resolve')
    refuse('plugin.install.import_unknown', file, args.path)
  try {
    productUrl(args.path)
  } catch {
    refuse('plugin.install.import_unknown', file, args.path)
  }
  return { path: `${LINK}${args.path}`, external: true }
}

/** As esbuild finds it, but only among the plugin's own files and packages. */
async function within(context: Context, build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult> {
  const { path, importer, kind, resolveDir } = args
  const found = await build.resolve(path, { importer, kind, resolveDir, namespace: 'file', pluginData: LINK })
  const file = fromFolder(context, importer)
  if (found.errors.length > 0 || found.external) refuse('plugin.install.import_unknown', file, path)
  const inside = fromFolder(context, found.path)
  if (found.namespace !== 'file' || inside.startsWith('../') || isAbsolute(inside))
    refuse('plugin.install.import_unknown', file, path)
  return { path: found.path, sideEffects: found.sideEffects }
}

const fromFolder = ({ folder }: Context, path: string) => relative(folder, path).replaceAll(sep, '/')
