// What every verb is given.

import type { Terminal } from './terminal.ts'

/** Where a verb writes and where it leaves its exit code. */
export interface Cli {
  readonly terminal: Terminal
  exitCode: number
}
