// The exit codes of every verb, as --help and the README show them.

/** 64 and above are those of sysexits.h. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  failure: { code: 1, meaning: 'it did not work, or the event was refused' },
  usage: { code: 2, meaning: 'the command line is not understood' },
  unknown: { code: 3, meaning: 'the event may or may not have been written' },
  io: { code: 74, meaning: 'a file, folder or connection could not be used' },
  config: { code: 78, meaning: 'there is no config, or it has mistakes' }
} as const

/** The table as text, one line each. */
export function renderExitCodes (): string {
  return Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`).join('\n')
}
