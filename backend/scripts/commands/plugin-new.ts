import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PluginManifest } from '#backend/core/plugin/manifest'
import { Mistake } from '#backend/scripts/explain'

const TEMPLATES = fileURLToPath(new URL('../templates/plugin', import.meta.url))
const ENDING = '.txt'

/** Writes a plugin with one table, two routes, a page and a test that passes. */
export async function create(name: string, { dir }: { dir?: string }): Promise<void> {
  // The same rule that will hold when it is installed.
  if (!PluginManifest.shape.name.safeParse(name).success)
    throw new Mistake(`'${name}' is no name: lower case letters, digits and '_', a letter first, at most 32`)
  const folder = join(dir ?? 'backend/plugin', name)
  if (existsSync(folder)) throw new Mistake(`${folder} exists already`)
  const names = spellings(name, folder)
  const templates = await readdir(TEMPLATES, { recursive: true, withFileTypes: true })
  for (const entry of templates.filter((one) => one.isFile())) {
    const template = join(entry.parentPath, entry.name)
    const file = join(folder, fill(relative(TEMPLATES, template).slice(0, -ENDING.length), names))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, fill(await readFile(template, 'utf8'), names), { flag: 'wx' })
    console.log(`written  ${file}`)
  }
  console.log(`
Next:
  1. npx vitest run --project backend ${folder}
  2. Shape it: the columns in the migration and the model, the fields in the schema, the codes in plugin.json.
  3. npm run fba -- plugin check ${folder} --output ${name}.zip
     writes the archive to install.`)
}

/** Every spelling of the name that the templates use. */
function spellings(name: string, folder: string): Readonly<Record<string, string>> {
  const words = name.split('_').filter((word) => word !== '')
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  const kebab = words.join('-')
  const title = pascal.replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
  const to_root = relative(folder, '.').replaceAll('\\', '/')
  // A folder of this name would be left out of what is built.
  return { name, pascal, kebab, title, to_root, tests: 'tests' }
}

function fill(template: string, names: Readonly<Record<string, string>>): string {
  return template.replace(/__(name|pascal|kebab|title|to_root|tests)__/g, (whole, key: string) => names[key] ?? whole)
}
