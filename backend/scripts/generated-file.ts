import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Mistake } from '#backend/scripts/explain'

/** Writes a generated file, or with `check` only says whether it is current. `command` is what writes it. */
export async function writeGenerated(
  file: string,
  text: string,
  { check = false, command }: { check?: boolean | undefined; command: string },
): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => undefined)
  if (check) {
    if (before !== text) throw new Mistake(`${file} is not current: run \`${command}\` and commit it.`)
    console.log(`${file} is current`)
    return
  }
  if (before !== text) {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }
  console.log(before === text ? `${file} was current` : `${file} written`)
}
