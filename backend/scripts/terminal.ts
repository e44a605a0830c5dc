import { confirm, isCancel, password } from '@clack/prompts'
import { Mistake } from '#backend/scripts/explain'

/** Asks for a password without showing it. `option` is what to give where there is nobody to ask. */
export async function askPassword(message: string, option: string): Promise<string> {
  requireTerminal(option)
  const answer = await password({ message })
  if (isCancel(answer)) throw new Mistake('Cancelled.')
  return answer
}

export async function askConfirmation(message: string, option: string): Promise<void> {
  requireTerminal(option)
  if ((await confirm({ message, initialValue: false })) !== true) throw new Mistake('Cancelled.')
}

function requireTerminal(option: string): void {
  if (!process.stdin.isTTY) throw new Mistake(`There is no terminal to ask on: give ${option}.`)
}
