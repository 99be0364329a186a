// What verbs write to: results to stdout, diagnostics to stderr; colours where wanted; foreign text made harmless.

import type { Readable } from 'node:stream'

/** The process as a verb sees it, so that a test can stand in for it. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** True where a person reads stdout. */
  readonly interactive: boolean
  /** A line or more to stdout; the line feed at the end is added. Resolves when more may be written. */
  print (text: string): Promise<void>
  /** The same to stderr. */
  tell (text: string): void
  /** True once nobody reads stdout any more. */
  readonly closed: boolean
  readonly color: Colors
}

export interface Colors {
  bold (text: string): string
  dim (text: string): string
  red (text: string): string
  green (text: string): string
}

/** The real process. Must be made once: it takes care of readers that go away (EPIPE). */
export function processTerminal (): Terminal {
  let closed = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    closed = true
  })
  process.stderr.on('error', () => { /* nobody listens: there is no one left to tell */ })
  const wanted = process.stdout.isTTY === true && !noColor(process.env)
  return {
    stdin: process.stdin,
    env: process.env,
    interactive: process.stdout.isTTY === true,
    color: colors(wanted),
    get closed () { return closed },
    tell: (text) => { process.stderr.write(`${text}\n`) },
    print: (text) => new Promise((resolve) => {
      if (closed) resolve()
      else process.stdout.write(`${text}\n`, () => resolve())
    })
  }
}

/** NO_COLOR counts where it is set and not empty (no-color.org); TERM=dumb has no colours either. */
function noColor (env: Readonly<Record<string, string | undefined>>): boolean {
  return (env.NO_COLOR !== undefined && env.NO_COLOR !== '') || env.TERM === 'dumb'
}

function colors (wanted: boolean): Colors {
  const paint = (open: number, close: number) => (text: string): string =>
    wanted ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39) }
}

// C0 but tab and line feed, DEL and C1; lone surrogates; what hides or reorders text; separators and the BOM.
const unsafe = new RegExp([
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]', '\\p{Cs}', '[\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e]',
  '[\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]'
].join('|'), 'gu')

/** Foreign text as a terminal may show it: whatever could move the cursor, change colours or hide text is escaped. */
export function visible (text: string): string {
  return text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The same on one line. */
export function visibleLine (text: string): string {
  return visible(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
