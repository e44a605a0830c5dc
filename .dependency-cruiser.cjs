const { pluginBorders } = require('./scripts/plugin-borders.cjs')

/**
 * Who may import whom, layer by layer; `npm run arch` checks it. Patterns are regular expressions on paths from the top of
 * the repository; `$1` in a `to` is what the first group of its `from` matched: the application, or the plugin, itself.
 */

/** Layers that know nothing of applications. */
const BASE = '^backend/(common|core|database|locale|middleware|utils)/'
const TESTS = '(^|/)tests/'
/** The edges of the process: they put everything together. */
const EDGES = '^backend/(main\\.ts|cli\\.ts|server\\.ts|scripts/)'

/** Where processes begin: the server, a command, the trial of a plugin; plugins are found at run time. */
const PROGRAM = '^backend/(main|cli|core/plugin/install/smoke-child|plugin/[^/]+/plugin)\\.ts$'

const layer = (name) => `^backend/(?:app|plugin)/([^/]+)/${name}/`
/** What an application or plugin shows to others; which plugin, the borders say. */
const SHOWN = '^backend/(app|plugin)/[^/]+/(service|model)/'
const MODELS = '^backend/(app|plugin)/[^/]+/model/'
const own = (...names) => `^backend/(?:app|plugin)/$1/(${names.join('|')})/`
const base = (...names) => `^backend/(${names.join('|')})`
const npm = (...names) => `^node_modules/(${names.join('|')})/`

/** `from` may import of our own code only what one of `allowed` matches. */
const onlyOwn = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: TESTS },
  to: { path: '^backend/', pathNot: allowed },
})

/** `from` may import of npm only these packages. */
const onlyNpm = (name, from, packages) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: TESTS },
  to: { path: '^node_modules/', ...(packages.length === 0 ? {} : { pathNot: npm(...packages) }) },
})

const layers = [
  onlyOwn('api', layer('api'), [
    own('schema', 'service', 'api'),
    // Signing in hands out tokens.
    base('common/', 'middleware/', 'utils/', 'core/(app|tokens)\\.ts$'),
  ]),
  onlyNpm('api-npm', layer('api'), ['fastify', '@fastify/[^/]+', 'zod']),
  onlyOwn('schema', layer('schema'), [own('schema'), base('common/(schema|enums|paging)\\.ts$')]),
  onlyNpm('schema-npm', layer('schema'), ['zod']),
  onlyOwn('service', layer('service'), [
    own('crud', 'service', 'model', 'schema'),
    SHOWN,
    base('common/', 'core/', 'utils/', 'locale/', 'database/(locks|pg-error|scoped-model)\\.ts$'),
  ]),
  {
    name: 'service-schema-types',
    comment: 'Values of a schema are for the edge: a service is given what has been parsed.',
    severity: 'error',
    from: { path: layer('service'), pathNot: TESTS },
    to: { path: layer('schema'), dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'service-npm',
    severity: 'error',
    from: { path: layer('service'), pathNot: TESTS },
    to: { path: npm('fastify', '@fastify/[^/]+', 'drizzle-orm', 'postgres', 'zod') },
  },
  onlyOwn('crud', layer('crud'), [own('model', 'crud'), MODELS, base('database/', 'common/', 'core/')]),
  {
    name: 'crud-core-types',
    severity: 'error',
    from: { path: layer('crud'), pathNot: TESTS },
    to: { path: base('core/'), dependencyTypesNot: ['type-only'] },
  },
  onlyNpm('crud-npm', layer('crud'), ['drizzle-orm']),
  onlyOwn('model', layer('model'), [
    own('model'),
    MODELS,
    base('database/(columns|scoped-model)\\.ts$', 'common/enums\\.ts$'),
  ]),
  onlyNpm('model-npm', layer('model'), ['drizzle-orm']),
  onlyOwn('base', BASE, [BASE]),
  onlyOwn('utils', base('utils/'), [base('utils/')]),
]

const borders = [
  {
    name: 'other-app',
    comment: 'An application uses of another its services, and its models for a foreign key.',
    severity: 'error',
    from: { path: '^backend/app/([^/]+)/', pathNot: TESTS },
    to: { path: '^backend/app/', pathNot: ['^backend/app/$1/', '^backend/app/[^/]+/(service|model)/'] },
  },
  {
    name: 'plugin-to-app',
    comment: 'A plugin uses the services and models of an application.',
    severity: 'error',
    from: { path: '^backend/plugin/', pathNot: TESTS },
    to: { path: '^backend/app/', pathNot: SHOWN },
  },
  {
    name: 'app-to-plugin',
    comment: 'Applications and core call typed hooks; they know no plugin.',
    severity: 'error',
    from: { path: '^backend/', pathNot: ['^backend/plugin/', EDGES, TESTS] },
    to: { path: '^backend/plugin/' },
  },
  {
    name: 'to-edge',
    comment: 'Nothing but an edge knows the edges.',
    severity: 'error',
    from: { path: '^backend/', pathNot: [EDGES, TESTS] },
    to: { path: EDGES },
  },
  {
    name: 'to-test',
    severity: 'error',
    from: { path: '^backend/', pathNot: TESTS },
    to: { path: TESTS },
  },
  {
    name: 'scripts-to-backend',
    comment: 'Tooling of the repository starts the program or reads its files; it is no part of it.',
    severity: 'error',
    from: { path: '^scripts/' },
    to: { path: '^backend/' },
  },
  {
    name: 'backend-to-scripts',
    severity: 'error',
    from: { path: '^backend/' },
    to: { path: '^scripts/' },
  },
]

const general = [
  { name: 'unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  {
    name: 'undeclared',
    comment: 'A package that package.json does not name is here by chance.',
    severity: 'error',
    from: {},
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'dev-only',
    comment: 'Production installs have no devDependencies; types are gone by then.',
    severity: 'error',
    from: { path: '^backend/', pathNot: TESTS },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'cycle',
    severity: 'error',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'unused',
    comment: 'Neither the program nor a command needs it. Tables are there for the migrations too.',
    severity: 'error',
    from: { path: PROGRAM },
    to: {
      path: '^backend/',
      pathNot: [TESTS, layer('model'), '^backend/core/plugin/model/', PROGRAM],
      reachable: false,
    },
  },
]

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...layers, ...borders, ...pluginBorders(__dirname), ...general],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports count, and are told from others.
    tsPreCompilationDeps: 'specify',
    // `#backend/...` is what package.json says it is for sources.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'types', 'default'],
      mainFields: ['module', 'main', 'types', 'typings'],
    },
  },
}
