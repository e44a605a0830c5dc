import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The last record of a stream that is complete: what the database must go on to know of it. */
export interface End {
  stream: string
  seq: number
  hash: string
}

/** The folder of all streams. */
export const auditFolder = (data_dir: string): string => join(data_dir, 'audit')

/** Only ever added to. Whoever can write the database but not this machine cannot make a stream shorter than it says. */
const ENDS_FILE = 'ends.jsonl'

/** Notes, on disk for certain, that a stream is stored whole. `root`: the folder of all streams. */
export async function noteEnd(root: string, { stream, seq, hash }: End): Promise<void> {
  const handle = await open(join(root, ENDS_FILE), 'a', 0o600)
  try {
    await handle.appendFile(`${JSON.stringify({ stream, seq, hash })}\n`)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

const END = /^\{"stream":"([0-9a-f-]{36})","seq":(\d{1,15}),"hash":"([0-9a-f]{64})"\}$/

/** The ends that are known on this machine; a line that was cut short is none. */
export async function readEnds(root: string): Promise<End[]> {
  const text = await readFile(join(root, ENDS_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap((line) => {
    const [, stream, seq, hash] = END.exec(line) ?? []
    return stream === undefined || hash === undefined ? [] : [{ stream, seq: Number(seq), hash }]
  })
}
