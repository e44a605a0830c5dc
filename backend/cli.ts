import { Command } from 'commander'
import { explain } from '#backend/scripts/explain'

// Each command loads its own part of the program, so that `--help` needs none of it.

/** Runs a command; a failure is told in one line. */
function action<A extends unknown[]>(run: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args)
    } catch (error) {
      console.error(`error: ${explain(error)}`)
      process.exitCode = 1
    }
  }
}

const program = new Command('fba').description('Commands of the back end')

program
  .command('serve')
  .description('start the server')
  .action(action(async () => (await import('#backend/scripts/serve')).startServer()))

const db = program.command('db').description('the database')
db.command('migrate')
  .description('bring it to the newest schema')
  .action(action(async () => (await import('#backend/scripts/commands/db')).migrate()))
db.command('status')
  .description('list the migrations, applied and pending')
  .action(action(async () => (await import('#backend/scripts/commands/db')).status()))
db.command('seed')
  .description('insert missing menus, and somebody to sign in as where there is nobody')
  .action(action(async () => (await import('#backend/scripts/commands/db')).seed()))
db.command('reset')
  .description('delete everything, then migrate and seed')
  .option('--yes', 'do not ask')
  .option('--force', 'also in production')
  .action(
    action(async (options: { yes?: boolean; force?: boolean }) =>
      (await import('#backend/scripts/commands/db')).reset(options),
    ),
  )

const user = program.command('user').description('accounts')
user
  .command('create-admin')
  .description('make a superuser')
  .option('--username <name>', 'admin unless given')
  .option('--password <text>', 'asked for unless given')
  .action(
    action(async (options: { username?: string; password?: string }) =>
      (await import('#backend/scripts/commands/user')).createAdmin(options),
    ),
  )
user
  .command('reset-password')
  .description('set a password and end the sessions of its user')
  .argument('<username>')
  .option('--password <text>', 'asked for unless given')
  .action(
    action(async (username: string, options: { password?: string }) =>
      (await import('#backend/scripts/commands/user')).resetPassword(username, options),
    ),
  )

const permissions = program.command('permissions').description('what routes ask for and menus give, and data rules')
permissions
  .command('list')
  .description('list every permission with its routes and menus')
  .option('--check', 'fail where routes and menus differ')
  .action(
    action(async (options: { check?: boolean }) =>
      (await import('#backend/scripts/commands/permissions')).list(options),
    ),
  )
permissions
  .command('check')
  .description('report data rules that never match a row, and fail when there is one')
  .action(action(async () => (await import('#backend/scripts/commands/permissions')).check()))

program
  .command('audit')
  .description('the operation log')
  .command('verify')
  .description('check that no record is altered, missing or reordered, and fail at the first that is')
  .action(action(async () => (await import('#backend/scripts/commands/audit')).verify()))

program
  .command('openapi')
  .description('the OpenAPI document')
  .command('write')
  .description('write it to a file')
  .argument('[file]', 'where to', 'docs/openapi.json')
  .option('--check', 'only say whether the file is current')
  .action(
    action(async (file: string, options: { check?: boolean }) =>
      (await import('#backend/scripts/commands/openapi')).write(file, options),
    ),
  )

program
  .command('env')
  .description('the settings')
  .command('write')
  .description('write the example of every setting')
  .argument('[file]', 'where to', '.env.example')
  .option('--check', 'only say whether the file is current')
  .action(
    action(async (file: string, options: { check?: boolean }) =>
      (await import('#backend/scripts/commands/env')).write(file, options),
    ),
  )

program
  .command('sql')
  .description('run a file of SQL statements in one transaction')
  .argument('<file>')
  .action(action(async (file: string) => (await import('#backend/scripts/commands/sql')).run(file)))

const plugin = program.command('plugin').description('plugins')
plugin
  .command('list')
  .description('list those of this installation')
  .action(action(async () => (await import('#backend/scripts/commands/plugin')).list()))
plugin
  .command('add')
  .description('install one, or another version of it')
  .argument('<source>', 'its folder, its archive or its repository')
  .action(action(async (source: string) => (await import('#backend/scripts/commands/plugin')).add(source)))
plugin
  .command('remove')
  .description('uninstall one; the rows of its tables are written to files first')
  .argument('<name>')
  .option('--yes', 'do not ask')
  .action(
    action(async (name: string, options: { yes?: boolean }) =>
      (await import('#backend/scripts/commands/plugin')).remove(name, options),
    ),
  )
plugin
  .command('enable')
  .description('put one into use')
  .argument('<name>')
  .action(action(async (name: string) => (await import('#backend/scripts/commands/plugin')).setEnabled(name, true)))
plugin
  .command('disable')
  .description('put one out of use')
  .argument('<name>')
  .action(action(async (name: string) => (await import('#backend/scripts/commands/plugin')).setEnabled(name, false)))
plugin
  .command('new')
  .description('write a plugin with a passing test')
  .argument('<name>')
  .option('--dir <folder>', 'where to put its folder: backend/plugin unless given')
  .action(
    action(async (name: string, options: { dir?: string }) =>
      (await import('#backend/scripts/commands/plugin-new')).create(name, options),
    ),
  )
plugin
  .command('check')
  .description('say whether a plugin could be installed, without a database')
  .argument('<path>', 'its folder or archive')
  .option('--output <file>', 'write the archive when nothing is wrong')
  .option('--key <file>', 'sign it with this ed25519 private key')
  .action(
    action(async (path: string, options: { output?: string; key?: string }) =>
      (await import('#backend/scripts/commands/plugin-check')).check(path, options),
    ),
  )
plugin
  .command('schema')
  .description('write the JSON Schema of plugin.json')
  .argument('[file]', 'where to', 'docs/plugin.schema.json')
  .option('--check', 'only say whether the file is current')
  .action(
    action(async (file: string, options: { check?: boolean }) =>
      (await import('#backend/scripts/commands/plugin-schema')).write(file, options),
    ),
  )

await program.parseAsync()
