// What every verb is given, and words that verbs share.

import type { Terminal } from './terminal.ts'

/** Where a verb writes and where it leaves its exit code. */
export interface Cli {
  readonly terminal: Terminal
  exitCode: number
}

/** How many of something, in words. */
export function count (number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
