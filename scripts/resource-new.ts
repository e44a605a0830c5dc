import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'

// npm run resource:new -- <name>: six files and one line, after which the resource can be listed, read, created, replaced and deleted.

const root = fileURLToPath(new URL('..', import.meta.url))
const templates = join(root, 'scripts/templates/resource')
const APP = 'admin'
const app_file = `backend/app/${APP}/app.ts`

/** By template; `NAME` is the resource's. */
const FILES: Readonly<Record<string, string>> = {
  'model.ts.txt': `backend/app/${APP}/model/NAME.model.ts`,
  'schema.ts.txt': `backend/app/${APP}/schema/NAME.schema.ts`,
  'crud.ts.txt': `backend/app/${APP}/crud/NAME.crud.ts`,
  'service.ts.txt': `backend/app/${APP}/service/NAME.service.ts`,
  'api.ts.txt': `backend/app/${APP}/api/v1/sys/NAME.api.ts`,
  'api.test.ts.txt': `backend/app/${APP}/tests/NAME.api.test.ts`,
}

class Refused extends Error {}

function plural(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`
  return /(?:s|x|z|ch|sh)$/.test(word) ? `${word}es` : `${word}s`
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** Every spelling of the name that the templates use. */
function spellings(kebab: string): Readonly<Record<string, string>> {
  const words = kebab.split('-')
  const pascal = words.map(capital).join('')
  const plurals = [...words.slice(0, -1), plural(words.at(-1) ?? '')]
  return {
    app: APP,
    kebab,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    Pascal: pascal,
    table: `sys_${words.join('_')}`,
    code: `sys:${kebab}`,
    path: `/sys/${plurals.join('-')}`,
    words: words.join(' '),
    'plural words': plurals.join(' '),
    'Plural words': capital(plurals.join(' ')),
  }
}

function fill(template: string, names: Readonly<Record<string, string>>): string {
  return template.replace(/__([A-Za-z]+(?: words)?)__/g, (whole, key: string) => names[key] ?? whole)
}

/** Names of the templates' own, which a variable or type of the resource would hide. */
const TAKEN = new Set(
  'and app assert-seen assert-still-seen big-id contains count counted create ctx date-time db desc describe done eq expect fields get id ids in-array index insert int integer items list make name nullable ok owned-by owned-model page page-query pk pks read remove root row row-scope rows scope scope-of size status t tags test text uniquely update where z'.split(
    ' ',
  ),
)

function isVariable(name: string): boolean {
  try {
    new Script(`"use strict"; const ${name} = 0`)
    return true
  } catch {
    return false
  }
}

function check(kebab: string): void {
  if (!/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/.test(kebab))
    throw new Refused(`'${kebab}' is no name: lower case words joined by '-', in the singular, e.g. project-task`)
  if (TAKEN.has(kebab) || !isVariable(kebab.replaceAll('-', '')))
    throw new Refused(`'${kebab}' means something else here`)
  for (const path of Object.values(FILES)) {
    const own = path.replace('NAME', kebab)
    if (existsSync(join(root, own))) throw new Refused(`${own} exists already`)
  }
}

/** A line after the last resource, and its imports, which the formatter sorts. */
function register({ kebab, camel, path }: Readonly<Record<string, string>>): string {
  const source = readFileSync(join(root, app_file), 'utf8')
  const last = [...source.matchAll(/^ {2}\{ prefix: .*\},\n/gm)].at(-1)
  if (last?.index === undefined) throw new Refused(`${app_file} lists no resource to put a line after`)
  const end = last.index + last[0].length
  const line = `  { prefix: '${path}', api: ${camel}Api, scoped: ${camel}Scoped },\n`
  const imports = `import { ${camel}Api } from '#backend/app/${APP}/api/v1/sys/${kebab}.api'
import { ${camel}Scoped } from '#backend/app/${APP}/model/${kebab}.model'\n`
  return imports + source.slice(0, end) + line + source.slice(end)
}

function format(files: readonly string[]): void {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')
  const run = spawnSync(process.execPath, [biome, 'check', '--write', ...files], { cwd: root, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`Biome does not accept what was written:\n${run.stdout}${run.stderr}`)
}

function create(kebab: string): void {
  check(kebab)
  const names = spellings(kebab)
  const changed = register(names)
  const written = Object.entries(FILES).map(([template, path]) => {
    const own = path.replace('NAME', kebab)
    writeFileSync(join(root, own), fill(readFileSync(join(templates, template), 'utf8'), names))
    return own
  })
  writeFileSync(join(root, app_file), changed)
  format([...written, app_file])
  for (const path of written) console.log(`written  ${path}`)
  console.log(`changed  ${app_file}`)
  console.log(`
Next:
  1. Shape it: the columns in the model, the fields in the schema.
  2. npm run db:generate -- --name ${kebab.replaceAll('-', '_')}
     writes the migration of its table.
  3. In backend/app/${APP}/seed/menus.ts: a page with perms '${names.code}:get', and below it the buttons
     '${names.code}:add', '${names.code}:edit' and '${names.code}:del'. \`npm run fba -- permissions list --check\` sees to it.
  4. In backend/tests/contract/access.ts: a line for each of its routes. In backend/tests/scoped-operations.test.ts: their
     prefix, and what each gives to somebody without a data rule.
  5. npm run openapi:write, npm run check, npm test`)
}

try {
  const [name, ...more] = process.argv.slice(2)
  if (name === undefined || more.length > 0) throw new Refused('usage: npm run resource:new -- <name>')
  create(name)
} catch (error) {
  if (!(error instanceof Refused)) throw error
  console.error(error.message)
  process.exitCode = 1
}
