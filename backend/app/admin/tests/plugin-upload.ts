import { readdirSync } from 'node:fs'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { pluginWith, SOUND, type Sources } from '#backend/core/plugin/install/tests/plugin-files'
import type { Answer, Caller } from '#backend/tests/harness'

export const ENGLISH = { 'accept-language': 'en-US' }
const BOUNDARY = 'x-boundary'

/** Sends a file as a browser's form does. */
export function upload(by: Caller, bytes: Buffer, query = 'type=zip'): Promise<Answer> {
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="p.zip"\r\ncontent-type: application/zip\r\n\r\n`
  return by.post(
    `/sys/plugins?${query}`,
    Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]),
    { headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, ...ENGLISH } },
  )
}

export const uninstall = (by: Caller, name: string): Promise<Answer> =>
  by.delete(`/sys/plugins/${name}`, undefined, { headers: ENGLISH })

export const toggle = (by: Caller, name: string): Promise<Answer> =>
  by.put(`/sys/plugins/${name}/status`, undefined, { headers: ENGLISH })

export const zipOf = (sources: Sources): Buffer => writeArchive(pluginWith(sources))

/** A plugin with other words in its manifest, and other or more files. */
export const changed = (sources: Sources, manifest: object, more: Sources = {}): Sources => ({
  ...sources,
  'plugin.json': JSON.stringify({ ...(JSON.parse(sources['plugin.json'] ?? '') as object), ...manifest }),
  ...more,
})

/** The sound plugin with a seed; `body` is what is in its braces. */
export const seeding = (body: string): Sources =>
  changed(
    SOUND,
    { capabilities: ['routes', 'models', 'menus', 'migrations', 'seed'] },
    {
      'plugin.ts': (SOUND['plugin.ts'] ?? '').replace(
        '  api: greetingApi,',
        `  api: greetingApi,\n  seed: async (ctx) => {${body}},`,
      ),
    },
  )

/** The sound plugin under another name, with everything that bears the name, but with the table of the first. */
export const renamed = (name: string): Sources =>
  Object.fromEntries(
    Object.entries(SOUND).map(([path, text]) => [
      path.replace('greeting', name),
      text
        .replaceAll('greeting_word', 'KEPT')
        .replaceAll('greeting', name)
        .replaceAll('Greeting', name)
        .replaceAll('KEPT', 'greeting_word'),
    ]),
  )

/** One that brings nothing at all, but for what is given. */
export function bare(name: string, manifest: object = {}, api?: string): Buffer {
  const said = { name, title: name, summary: name, version: '1.0.0', description: name, author: 'tests', ...manifest }
  const files = {
    'plugin.json': JSON.stringify(said),
    'plugin.ts': `import { definePlugin } from '#backend/core/plugin/definition'

export const plugin = definePlugin({ ${api === undefined ? '' : `api: async (app) => { ${api} }`} })
`,
  }
  return writeArchive(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const)))
}

/** Every file below a folder. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort()
