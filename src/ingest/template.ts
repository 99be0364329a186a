// Channel patterns and the templates over their parameters: `orders/{region}` and `orders.{region}`.

/** One level of a channel pattern. `rest` takes all remaining levels and stands last. */
export type PatternLevel =
  | { readonly kind: 'literal', readonly text: string }
  | { readonly kind: 'parameter' | 'rest', readonly name: string }

/** Reads a channel pattern; a text is the mistake, in words. */
export function parsePattern (pattern: string): readonly PatternLevel[] | string {
  const levels: PatternLevel[] = []
  const names = new Set<string>()
  const texts = pattern.split('/')
  for (const [at, text] of texts.entries()) {
    const found = /^\{([a-zA-Z][a-zA-Z0-9_]*)(\*?)\}$/.exec(text)
    if (found === null) {
      if (text === '') return 'has an empty level; levels are separated by one /'
      if (/[{}]/.test(text)) return `has "${text}": a parameter takes a whole level, as in orders/{region}`
      levels.push({ kind: 'literal', text })
      continue
    }
    const [, name = '', star = ''] = found
    if (names.has(name)) return `has the parameter {${name}} twice`
    names.add(name)
    if (star !== '' && at !== texts.length - 1) return `has {${name}*} before the end; it takes the rest and stands last`
    levels.push({ kind: star === '' ? 'parameter' : 'rest', name })
  }
  return levels
}

/** A template compiled to alternating text and level indexes, filled from the levels of a matched channel. */
export interface Template {
  /** `joint` stands between the levels of a rest parameter, e.g. `.` in a topic. */
  fill (levels: readonly string[], joint: string): string
  readonly constant: boolean
}

/** Compiles a template over the parameters of a pattern; a text is the mistake, in words. */
export function compileTemplate (text: string, pattern: readonly PatternLevel[]): Template | string {
  const parts: (string | { index: number, rest: boolean })[] = []
  let from = 0
  if (/[{}]/.test(text.replaceAll(/\{[^{}]*\}/g, ''))) return 'has a { or } without its other half'
  for (const found of text.matchAll(/\{([^}]*)\}/g)) {
    const name = found[1] ?? ''
    const index = pattern.findIndex(level => level.kind !== 'literal' && level.name === name.replace(/\*$/, ''))
    if (index === -1) {
      const known = pattern.flatMap(level => level.kind === 'literal' ? [] : [`{${level.name}}`]).join(', ')
      return `uses {${name}}, which is no parameter of the channel (${known === '' ? 'it has none' : `it has ${known}`})`
    }
    if (found.index > from) parts.push(text.slice(from, found.index))
    parts.push({ index, rest: pattern[index]?.kind === 'rest' })
    from = found.index + found[0].length
  }
  if (from < text.length) parts.push(text.slice(from))
  const constant = parts.every(part => typeof part === 'string')
  return {
    constant,
    fill (levels, joint) {
      if (constant) return text
      let filled = ''
      for (const part of parts) {
        if (typeof part === 'string') filled += part
        else filled += part.rest ? levels.slice(part.index).join(joint) : levels[part.index] ?? ''
      }
      return filled
    }
  }
}
