// Turns the raw TAP of a run into what a person wants to see: a line per file, every failure in full, and the totals.

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface TapReport {
  /** Takes one line of TAP and gives the lines to show for it, often none. */
  readonly line: (text: string) => readonly string[]
  /** The totals that tap printed last; undefined when it never did, as after a crash. */
  readonly totals: () => Totals | undefined
}

const TEST_LINE = /^( *)(not )?ok\b(?: \d+)?(?: - )?(.*)$/
const SUBTEST_LINE = /^( *)# Subtest: (.*)$/
const TOTALS_LINE = /^# \{ total: \d+/

function count(line: string, name: string): number {
  return Number(new RegExp(`\\b${name}: (\\d+)`).exec(line)?.[1] ?? 0)
}

/** Description and directive (SKIP, TODO) of a test line. A hash inside a description comes escaped. */
function split(text: string): { readonly title: string, readonly excused: boolean } {
  const [title = '', directive = ''] = text.split(/(?<!\\)# /, 2)
  return { title: title.trim(), excused: /^(skip|todo)/i.test(directive) }
}

/** Starts a report. Lines come without their line end, in the order tap wrote them. */
export function tapReport(): TapReport {
  /** Names of the subtests around the current line, by indentation. */
  const around = new Map<number, string>()
  let totals: Totals | undefined
  /** Indentation of a YAML block that is being shown or swallowed. */
  let block: { readonly indent: number, readonly shown: boolean } | undefined
  let awaitsBlock: { readonly indent: number, readonly shown: boolean } | undefined
  let failuresShown = 0

  const testLine = (indent: number, failed: boolean, text: string): readonly string[] => {
    const { title, excused } = split(text)
    const isParent = around.get(indent) === title
    const path = [...around].filter(([depth]) => depth < indent).map(([, name]) => name)
    for (const depth of [...around.keys()]) if (depth >= indent) around.delete(depth)
    const real = failed && !excused
    const isFile = indent === 0
    // What a failed parent says its children have said, unless none of them failed: it ended or timed out by itself.
    const shown = real && (!isParent || failuresShown === 0)
    awaitsBlock = { indent, shown }
    if (real) failuresShown += 1
    if (isFile) failuresShown = 0
    if (isFile) return [`${real ? 'not ok' : 'ok'} ${text}`]
    return shown ? [`FAILED ${[...path, title].join(' > ')}`] : []
  }

  const line = (text: string): readonly string[] => {
    const indent = text.length - text.trimStart().length
    if (block !== undefined) {
      const shown = block.shown ? [text] : []
      if (indent === block.indent && text.trim() === '...') block = undefined
      return shown
    }
    if (awaitsBlock !== undefined && text.trim() === '---' && indent === awaitsBlock.indent + 2) {
      block = { indent, shown: awaitsBlock.shown }
      return block.shown ? [text] : []
    }
    if (text.trim() !== '') awaitsBlock = undefined
    const subtest = SUBTEST_LINE.exec(text)
    if (subtest !== null) {
      around.set(subtest[1]?.length ?? 0, split(subtest[2] ?? '').title)
      return []
    }
    if (TOTALS_LINE.test(text)) {
      totals = { passed: count(text, 'pass'), failed: count(text, 'fail'), skipped: count(text, 'skip') }
      return []
    }
    const test = TEST_LINE.exec(text)
    if (test !== null) return testLine(test[1]?.length ?? 0, test[2] !== undefined, test[3] ?? '')
    return text.startsWith('Bail out!') ? [text] : []
  }

  return { line, totals: () => totals }
}

/** The last line of a run. A run that ended badly, or tested nothing, has at least one failure to tell. */
export function verdict(totals: Totals | undefined, exitCode: number): { readonly text: string, readonly ok: boolean } {
  const passed = totals?.passed ?? 0
  const counted = totals?.failed ?? 0
  const bad = exitCode !== 0 || passed === 0
  const failed = bad ? Math.max(1, counted) : counted
  return { text: `${passed} passed, ${failed} failed`, ok: failed === 0 }
}
