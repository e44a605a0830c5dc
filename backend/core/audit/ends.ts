import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '#backend/core/config'

/** The last record of a stream that is stored whole: what the database must go on to know of it. */
export interface End {
  stream: string
  seq: number
  hash: string
}

/**
 * The ends that this machine knows of its database, in a file. Whoever can write the database but not this machine cannot
 * make a stream shorter than it says, or take it away.
 */
export interface Ends {
  /** Resolves once it is on disk. */
  note(end: End): Promise<void>
  read(): Promise<End[]>
  /** Of a database that is emptied on purpose. */
  forget(): Promise<void>
}

/** The folder of all streams. */
export const auditFolder = (data_dir: string): string => join(data_dir, 'audit')

const LINE = /^\{"database":"([^"\\]*)","stream":"([0-9a-f-]{36})","seq":(\d{1,15}),"hash":"([0-9a-f]{64})"\}$/

/** `DATABASE_URL` undefined: the embedded one, whose address is another at each start. */
export function openEnds({ DATA_DIR, DATABASE_URL }: Pick<Config, 'DATA_DIR' | 'DATABASE_URL'>): Ends {
  const path = join(auditFolder(DATA_DIR), 'ends.jsonl')
  const database = nameOf(DATABASE_URL)

  async function lines(): Promise<string[]> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    // One that was cut short is none.
    return text.split('\n').filter((line) => LINE.test(line))
  }

  return {
    async note({ stream, seq, hash }) {
      const handle = await open(path, 'a', 0o600)
      try {
        // The line before may have been cut short.
        await handle.appendFile(`\n${JSON.stringify({ database, stream, seq, hash })}\n`)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    },
    async read() {
      return (await lines()).flatMap((line) => {
        const [, of = '', stream = '', seq, hash = ''] = LINE.exec(line) ?? []
        return of === database ? [{ stream, seq: Number(seq), hash }] : []
      })
    },
    async forget() {
      const known = await lines()
      const others = known.filter((line) => LINE.exec(line)?.[1] !== database)
      if (others.length === known.length) return
      await writeFile(`${path}.new`, others.map((line) => `${line}\n`).join(''), { mode: 0o600 })
      await rename(`${path}.new`, path)
    },
  }
}

/** Host, port and name of a database, without who signs in: a folder may have served several. */
function nameOf(url: string | undefined): string {
  if (url === undefined) return 'embedded'
  return url.replace(/[?#].*$|["\\]/gs, '').replace(/^[^:]*:\/\/(?:.*@)?/s, '')
}
