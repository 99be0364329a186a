// What is wrong with a config and where: the mistake, its path, how text of the file is quoted, and how it is printed.

import { distance } from 'fastest-levenshtein'

/** Keys and indexes from the top of the document. */
export type Path = readonly (string | number)[]

/** One thing to mend. `line` and `column` start at 1. No field holds a secret. */
export interface Mistake {
  /** Like `routes[2].ack`; '' is the whole file. */
  readonly path: string
  readonly line: number
  readonly column: number
  /** What stands there, e.g. `unknown value "brokr"`. */
  readonly problem: string
  /** What would be right, without the word "expected"; '' where the problem says it all. */
  readonly expected: string
  /** The nearest right spelling, where one is near. */
  readonly suggestion: string | undefined
  /** One line on the setting and where it is documented; '' for none. */
  readonly help: string
}

/** What a cross-field check found; the config room adds the position. */
export interface CheckMistake {
  readonly path: Path
  readonly problem: string
  readonly expected: string
  /** The nearest right spelling, where one is near. */
  readonly suggestion?: string | undefined
}

/** The process exit code for a config that cannot be used (sysexits.h EX_CONFIG). */
export const configExitCode = 78

const bareKey = /^[A-Za-z0-9_-]+$/

/** `['routes', 2, 'ack']` becomes `routes[2].ack`. */
export function showPath (path: Path): string {
  let shown = ''
  for (const step of path) {
    if (typeof step === 'number') shown += `[${step}]`
    else if (bareKey.test(step)) shown += shown === '' ? step : `.${step}`
    else shown += `[${quote(step)}]`
  }
  return shown
}

const shownCharsMax = 60
// JSON leaves these as they are: DEL and C1 controls, zero-width and direction marks, line separators, the BOM.
const invisible = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Text of the file in double quotes: short, on one line, with nothing that a terminal would obey. */
export function quote (text: string): string {
  const short = text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}...` : text
  return JSON.stringify(short).replace(invisible, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The candidate that was probably meant: at most two edits away, fewer for short words, case aside. */
export function nearest (given: string, candidates: readonly string[]): string | undefined {
  if (given.length > shownCharsMax) return undefined
  let found: string | undefined
  let least = given.length < 4 ? 2 : 3
  for (const candidate of candidates) {
    const edits = distance(given.toLowerCase(), candidate.toLowerCase())
    if (edits < least && edits < candidate.length) {
      least = edits
      found = candidate
    }
  }
  return found
}

/** By position in the file, then by path. */
export function sortMistakes (mistakes: readonly Mistake[]): Mistake[] {
  return mistakes.toSorted((a, b) => a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : 1))
}

function renderMistake (mistake: Mistake, file: string): string {
  const place = `${file}:${mistake.line}:${mistake.column}`
  const lines = [mistake.path === '' ? place : `${place}  ${mistake.path}`, `  error  ${mistake.problem}`]
  const hint = mistake.suggestion === undefined ? '' : `(did you mean ${quote(mistake.suggestion)}?)`
  const expected = mistake.expected === '' ? '' : `expected ${mistake.expected}`
  if (expected !== '' || hint !== '') {
    lines.push(`         ${[expected, hint].filter((part) => part !== '').join('   ')}`)
  }
  if (mistake.help !== '') lines.push(`  help   ${mistake.help}`)
  return lines.join('\n')
}

/** All mistakes as an operator reads them, with a footer that counts them. Ends with a line feed. */
export function renderMistakes (mistakes: readonly Mistake[], file: string): string {
  const count = mistakes.length === 1 ? '1 error' : `${mistakes.length} errors`
  const blocks = mistakes.map((mistake) => renderMistake(mistake, file))
  return `${blocks.join('\n')}\n${count}  (exit ${configExitCode})\n`
}
