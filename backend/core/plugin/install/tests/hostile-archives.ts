import { randomBytes } from 'node:crypto'
import { writeArchive } from '#backend/core/plugin/install/archive'
import { type CraftedEntry, craftZip, extraField } from '#backend/core/plugin/install/tests/zip-craft'
import type { MessageKey } from '#backend/locale/translate'

/** An archive that must be refused before any of its content is looked at, and with what reason. */
export interface HostileArchive {
  zip: Buffer
  key: MessageKey
  /** What the reason must name. */
  names?: string
}

const manifest: CraftedEntry = { name: 'plugin.json', content: '{}' }
const one = (entry: CraftedEntry) => craftZip([manifest, entry])
const sound = () => writeArchive(new Map([['plugin.json', Buffer.from('{}')]]))
const LIMIT = 5 * 1024 * 1024

/** By what is wrong with it. */
export const HOSTILE_ARCHIVES: Readonly<Record<string, () => HostileArchive>> = {
  'not an archive': () => ({ zip: Buffer.from('plugin'), key: 'plugin.install.archive_broken' }),
  'nothing at all': () => ({ zip: Buffer.alloc(0), key: 'plugin.install.archive_broken' }),
  'cut off in its directory': () => ({ zip: sound().subarray(0, -30), key: 'plugin.install.archive_broken' }),
  'cut off in its content': () => ({
    zip: Buffer.concat([sound().subarray(0, 20), sound().subarray(-80)]),
    key: 'plugin.install.archive_broken',
  }),
  'larger than the setting': () => ({ zip: randomBytes(LIMIT + 1), key: 'plugin.install.archive_large' }),
  'a path above the folder': () => ({
    zip: one({ name: '../evil.ts' }),
    key: 'plugin.install.path_outside',
    names: '../evil.ts',
  }),
  'a path above the folder, further in': () => ({
    zip: one({ name: 'api/../../evil.ts' }),
    key: 'plugin.install.path_outside',
  }),
  'a path through the same folder': () => ({
    zip: one({ name: 'api/./evil.ts' }),
    key: 'plugin.install.path_outside',
  }),
  'an absolute path': () => ({ zip: one({ name: '/etc/evil' }), key: 'plugin.install.path_absolute' }),
  'a drive': () => ({ zip: one({ name: 'C:/evil.ts' }), key: 'plugin.install.path_absolute' }),
  'a network share': () => ({ zip: one({ name: '\\\\host\\evil' }), key: 'plugin.install.path_absolute' }),
  'a backslash': () => ({ zip: one({ name: '..\\evil.ts' }), key: 'plugin.install.path_unfit' }),
  'a NUL in a name': () => ({ zip: one({ name: 'plugin.ts\0.png' }), key: 'plugin.install.path_unfit' }),
  'a name in reverse writing': () => ({ zip: one({ name: 'gnp\u202ets.exe' }), key: 'plugin.install.path_unfit' }),
  'a name that is not UTF-8': () => ({
    zip: one({ name: Buffer.from([0x61, 0xff, 0xfe]) }),
    key: 'plugin.install.path_unfit',
  }),
  'a name in a code page': () => ({
    zip: one({ name: Buffer.from('caf\u00e9.ts'), flags: 0 }),
    key: 'plugin.install.path_unfit',
  }),
  'a device of Windows': () => ({ zip: one({ name: 'api/aux.ts' }), key: 'plugin.install.path_unfit' }),
  'an empty folder name': () => ({ zip: one({ name: 'api//evil.ts' }), key: 'plugin.install.path_unfit' }),
  'a name that ends in a dot': () => ({ zip: one({ name: 'plugin.json.' }), key: 'plugin.install.path_unfit' }),
  'folders in folders without end': () => ({
    zip: one({ name: `${'a/'.repeat(40)}evil.ts` }),
    key: 'plugin.install.path_deep',
  }),
  'installed packages': () => ({
    zip: one({ name: 'node_modules/fastify/index.js' }),
    key: 'plugin.install.path_node_modules',
  }),
  'a symbolic link': () => ({
    zip: one({ name: 'service', content: '/etc', mode: 0o120777 }),
    key: 'plugin.install.archive_link',
    names: 'service',
  }),
  'a symbolic link among hidden files': () => ({
    zip: one({ name: '.secret', content: '/etc/passwd', mode: 0o120777 }),
    key: 'plugin.install.archive_link',
  }),
  'a hard link': () => ({
    zip: one({
      name: 'service.ts',
      extra: extraField(0x000d, Buffer.concat([Buffer.alloc(12), Buffer.from('/etc/passwd')])),
    }),
    key: 'plugin.install.archive_link',
  }),
  'a junction of Windows': () => ({
    zip: one({ name: 'service', attributes: 0x410 }),
    key: 'plugin.install.archive_link',
  }),
  'a device': () => ({ zip: one({ name: 'sda', mode: 0o060660 }), key: 'plugin.install.archive_special' }),
  'a pipe': () => ({ zip: one({ name: 'pipe', mode: 0o010644 }), key: 'plugin.install.archive_special' }),
  'a program that changes its user': () => ({
    zip: one({ name: 'run.sh', mode: 0o104755 }),
    key: 'plugin.install.archive_special',
  }),
  'a folder with content': () => ({
    zip: one({ name: 'api/', content: 'evil', mode: 0o040755 }),
    key: 'plugin.install.archive_special',
  }),
  'the same name twice': () => ({ zip: one({ name: 'plugin.json', content: '[]' }), key: 'plugin.install.path_twice' }),
  'the same name in capitals': () => ({ zip: one({ name: 'PLUGIN.JSON' }), key: 'plugin.install.path_twice' }),
  'the same name in another form': () => ({
    zip: craftZip([manifest, { name: 'caf\u00e9.ts' }, { name: 'cafe\u0301.ts' }]),
    key: 'plugin.install.path_twice',
  }),
  'a file that is a folder too': () => ({
    zip: craftZip([manifest, { name: 'api' }, { name: 'api/evil.ts' }]),
    key: 'plugin.install.path_twice',
  }),
  'a bomb': () => ({
    zip: one({ name: 'zeros.bin', content: Buffer.alloc(2 * 1024 * 1024 - 1) }),
    key: 'plugin.install.archive_bomb',
  }),
  'a bomb that lies about its size': () => ({
    zip: one({ name: 'zeros.bin', content: Buffer.alloc(64 * 1024 * 1024), declared_size: 1024 }),
    key: 'plugin.install.archive_size',
    names: 'zeros.bin',
  }),
  'less than it says': () => ({
    zip: one({ name: 'short.ts', content: 'x', declared_size: 100 }),
    key: 'plugin.install.archive_size',
  }),
  'a size beyond every disk': () => ({
    zip: one({ name: 'huge.bin', content: 'x', declared_size: 0xfffffffe }),
    key: 'plugin.install.archive_file_large',
  }),
  'too much in all': () => ({
    zip: craftZip([
      manifest,
      ...Array.from({ length: 10 }, (_, index) => ({
        name: `${index}.bin`,
        content: noise(),
        declared_size: 2_000_000,
      })),
    ]),
    key: 'plugin.install.archive_total_large',
  }),
  'more files than a plugin has': () => ({
    zip: craftZip(Array.from({ length: 1000 }, (_, index) => ({ name: `${index}.ts` }))),
    key: 'plugin.install.archive_many',
  }),
  'entries that share their bytes': () => ({
    zip: craftZip([manifest, { name: 'a.ts', content: 'x' }, { name: 'b.ts', shares: 1 }]),
    key: 'plugin.install.archive_overlap',
  }),
  'an entry without its directory line': () => ({
    zip: craftZip([manifest, { name: 'a.ts' }], { count: 3 }),
    key: 'plugin.install.archive_broken',
  }),
  encrypted: () => ({
    zip: one({ name: 'secret.ts', content: 'x'.repeat(20), flags: 0x801 }),
    key: 'plugin.install.archive_encrypted',
  }),
  'packed in a way of its own': () => ({
    zip: one({ name: 'a.ts', content: 'x', method: 14 }),
    key: 'plugin.install.archive_method',
  }),
  'content other than its checksum': () => ({
    zip: one({ name: 'a.ts', content: 'x', declared_crc: 1 }),
    key: 'plugin.install.archive_checksum',
  }),
}

const noise = () => randomBytes(64 * 1024)
