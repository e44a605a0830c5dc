import { manifestWith, SOUND } from '#backend/core/plugin/install/tests/plugin-files'

type Changes = Readonly<Record<string, string | undefined>>

/** What is wrong, the files that make the sound plugin so, and the reason that must be given: key and parameters. */
export type HostilePlugin = readonly [what: string, changes: Changes, reason: string]

const manifest = (changes: Readonly<Record<string, unknown>>): Changes => ({ 'plugin.json': manifestWith(changes) })
const locked = (entry: object, spec = '1.0.0') => ({
  'package.json': JSON.stringify({ dependencies: { tiny: spec } }),
  'package-lock.json': JSON.stringify({
    lockfileVersion: 3,
    packages: {
      '': { dependencies: { tiny: spec } },
      'node_modules/tiny': { version: '1.0.0', integrity: `sha512-${'A'.repeat(86)}==`, ...entry },
    },
  }),
})
const packaged = (json: object): Changes => ({ 'package.json': JSON.stringify(json) })
const depends = (spec: string, name = 'tiny') => packaged({ dependencies: { [name]: spec } })

/** Refused before any code runs. */
export const UNSOUND: readonly HostilePlugin[] = [
  ['has no manifest', { 'plugin.json': undefined }, 'manifest_missing'],
  ['has two manifests', { 'api/plugin.json': '{}' }, 'manifest_twice api/plugin.json'],
  ['has a manifest that is no JSON', { 'plugin.json': '{"name": }' }, 'manifest_json'],
  ['has a manifest that is a list', { 'plugin.json': '[]' }, 'manifest_invalid'],
  ['says what nobody understands', manifest({ run_as_root: true }), 'manifest_invalid'],
  ['says too little', { 'plugin.json': '{"name":"greeting"}' }, 'manifest_invalid title'],
  ['has a name in capitals', manifest({ name: 'Greeting' }), 'manifest_invalid name'],
  ['has a name that is a path', manifest({ name: '../greeting' }), 'manifest_invalid name'],
  ['has a name of the language', manifest({ name: '__proto__' }), 'manifest_invalid name'],
  ['has no version', manifest({ version: 'latest' }), 'manifest_invalid version'],
  [
    'has more tables than anybody',
    manifest({ tables: Array.from({ length: 65 }, (_, i) => `t${i}`) }),
    'manifest_invalid tables',
  ],
  ['wants to be required', manifest({ required: true }), 'manifest_required'],
  ['has no code', { 'plugin.ts': undefined }, 'entry_missing'],
  ['is named as an application', manifest({ name: 'admin' }), 'name_app admin'],
  ['is named as a built-in plugin', manifest({ name: 'sample' }), 'name_built_in sample'],
  ['is named as the messages of users', manifest({ name: 'user' }), 'name_reserved user'],
  ['is named as the paths of the system', manifest({ name: 'sys' }), 'name_reserved sys'],
  ['is named as a path of plugins', manifest({ name: 'changed' }), 'name_reserved changed'],
  [
    'is named as a path of plugins and extends',
    manifest({ name: 'changed', extends: 'admin' }),
    'name_reserved changed',
  ],
  ['extends what is not there', manifest({ extends: 'shop' }), 'extends_unknown shop'],
  ['depends on what is not there', manifest({ depends_on: ['nowhere'] }), 'depends_unknown nowhere'],
  ['depends on itself', manifest({ depends_on: ['greeting'] }), 'depends_unknown greeting'],
  ['takes a table', manifest({ tables: ['greeting_word', 'sys_user'] }), 'table_taken sys_user'],
  ['takes a permission', manifest({ permissions: ['sys:user:get'] }), 'permission_taken sys:user:get'],
  [
    'takes a setting',
    manifest({ settings: { TOKEN_SECRET_KEY: { type: 'string', default: '', description: 'x' } } }),
    'setting_taken TOKEN_SECRET_KEY',
  ],
  [
    'takes a setting of Node.js',
    manifest({ settings: { NODE_OPTIONS: { type: 'string', default: '', description: 'x' } } }),
    'setting_taken NODE_OPTIONS',
  ],
  [
    'has no way back',
    { 'migrations/0000_words.down.sql': undefined },
    'migration_missing migrations/0000_words.down.sql',
  ],
  [
    'changes a table of the product',
    {
      'migrations/0000_words.up.sql': `${SOUND['migrations/0000_words.up.sql']}update sys_user set is_superuser = true;`,
    },
    'migration_foreign migrations/0000_words.up.sql sys_user',
  ],
  [
    'keeps users from being deleted',
    {
      'migrations/0000_words.up.sql':
        'create table greeting_word (id bigserial primary key, user_id bigint references sys_user);',
    },
    'migration_holds migrations/0000_words.up.sql sys_user',
  ],
  ['runs a script', packaged({ scripts: { postinstall: 'rm -rf /' } }), 'package_field scripts'],
  ['takes a package from git', depends('git+https://example.com/x.git'), 'package_version tiny git+https'],
  ['takes a package from a folder', depends('file:../../secrets'), 'package_version tiny file:'],
  ['takes a package from an address', depends('https://example.com/x.tgz'), 'package_version tiny https'],
  ['takes a package under another name', depends('npm:other@1.0.0'), 'package_version tiny npm:'],
  ['takes any version of a package', depends('^1.0.0'), 'package_version tiny ^1.0.0'],
  ['takes a package by a path', depends('1.0.0', '../tiny'), 'package_version ../tiny'],
  ['brings another Drizzle', depends('0.45.4', 'drizzle-orm'), 'package_of_product drizzle-orm'],
  ['has packages but no lock file', depends('1.0.0'), 'package_lock_missing'],
  ['locks another version', locked({ version: '1.0.1' }), 'package_unlocked tiny 1.0.0'],
  ['locks without a checksum', locked({ integrity: undefined }), 'package_checksum tiny 1.0.0'],
  ['locks with a weak checksum', locked({ integrity: 'sha1-AAAA' }), 'package_checksum tiny 1.0.0'],
  ['locks a repository', locked({ resolved: 'git+ssh://git@example.com/x.git#1' }), 'package_source tiny 1.0.0'],
  ['locks a link', locked({ link: true }), 'package_source tiny 1.0.0'],
  ['locks what builds itself', locked({ hasInstallScript: true }), 'package_script tiny 1.0.0'],
  ['does not parse', { 'plugin.ts': 'export const = 1' }, 'compile_failed plugin.ts:1: '],
  ['imports the server', { 'plugin.ts': "export * from '#backend/server'" }, 'import_layer plugin.ts #backend/server'],
]

const code = (text: string): Changes => ({ 'plugin.ts': `${SOUND['plugin.ts']}\n${text}` })
const replaced = (from: string, to: string, file = 'plugin.ts'): Changes => ({ [file]: SOUND[file]?.replace(from, to) })

/** Refused after they were tried in a process of their own. */
export const TRIED: readonly HostilePlugin[] = [
  ['throws when it is loaded', code("throw new Error('no luck')"), 'smoke_threw Error: no luck'],
  ['hangs', code('for (;;);'), 'smoke_hangs'],
  ['leaks a timer', code('setInterval(() => {}, 1000)'), 'smoke_leak Timeout'],
  ['leaks a timer that keeps no process alive', code('setInterval(() => {}, 1000).unref()'), 'smoke_leak Timeout'],
  ['leaks a timer that is soon over', code('setTimeout(() => {}, 1000)'), 'smoke_leak Timeout'],
  [
    'leaks a timer as it registers its routes',
    { 'plugin.ts': 'export const plugin = { api: async () => { setInterval(() => {}, 1000).unref() } }' },
    'smoke_leak Timeout',
  ],
  [
    'shadows a route',
    { ...manifest({ extends: 'admin' }), ...replaced("'/words'", "'/sys/users/:id'", 'api/greeting.api.ts') },
    'route_taken GET /api/v1/sys/users/:id GET /api/v1/sys/users/',
  ],
  [
    'shadows every route',
    { ...manifest({ extends: 'admin' }), ...replaced("'/words'", "'/*'", 'api/greeting.api.ts') },
    'route_taken GET /api/v1/* GET /',
  ],
  [
    'asks for a permission it does not declare',
    replaced("'greeting:get'", "'greeting:all'", 'api/greeting.api.ts'),
    'permission_undeclared GET /api/v1/greeting/words greeting:all',
  ],
  [
    'gives a permission of the product',
    replaced("perms: 'greeting:get'", "perms: 'sys:user:add'"),
    'permission_undeclared Greeting sys:user:add',
  ],
  ['takes a menu', replaced("page('Greeting'", "page('SysUser'"), 'menu_taken SysUser'],
  [
    'puts a menu nowhere',
    replaced("perms: 'greeting:get' })]", "perms: 'greeting:get' })].map((menu) => ({ ...menu, parent: 'Nowhere' }))"),
    'menu_parent Greeting Nowhere',
  ],
  [
    'has a message of the product',
    { 'plugin.ts': SOUND['plugin.ts']?.replaceAll('greeting.none', 'user.not_found') },
    'message_foreign user.not_found',
  ],
  [
    'brings more than it says',
    manifest({ capabilities: ['routes', 'models', 'migrations'] }),
    'capability_undeclared menus',
  ],
  [
    'says more than it brings',
    manifest({ capabilities: ['routes', 'models', 'menus', 'tasks', 'migrations'] }),
    'capability_absent tasks',
  ],
  [
    'has a model of a table that is not its own',
    {
      ...manifest({ capabilities: ['models', 'migrations'] }),
      'plugin.ts': `import { definePlugin } from '#backend/core/plugin/definition'
import { scopedModel } from '#backend/database/scoped-model'
import { user } from '#backend/app/admin/model/user.model'
export const plugin = definePlugin({ scoped_models: [scopedModel('Everybody', user, { columns: {} })] })`,
    },
    'model_foreign sys_user',
  ],
  [
    'has a model of a table of nobody',
    replaced("'greeting_word'", "'greeting_words'", 'model/word.model.ts'),
    'model_foreign greeting_words',
  ],
  [
    'keeps a table to itself',
    { ...manifest({ capabilities: ['routes', 'menus', 'migrations'] }), ...replaced('  models: [word],\n', '') },
    'model_missing greeting_word',
  ],
  [
    'has a model that is no table',
    replaced('models: [word]', 'models: [{}] as never'),
    'smoke_invalid plugin.models.0',
  ],
]

/** What those that ship with the product have is taken too. */
export const OF_SHIPPED: readonly HostilePlugin[] = [
  ['takes a table of a built-in plugin', manifest({ tables: ['fixture_sample'] }), 'table_taken fixture_sample'],
  ['takes a permission of a built-in plugin', manifest({ permissions: ['sample:get'] }), 'permission_taken sample:get'],
  [
    'takes a setting of a built-in plugin',
    manifest({ settings: { SAMPLE_LIMIT: { type: 'integer', default: 1, description: 'x' } } }),
    'setting_taken SAMPLE_LIMIT',
  ],
]
