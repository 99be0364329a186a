// The rules of attributes that a message or a channel gives: names, values, how many.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

/** Attributes of one event, or of one channel. */
const attributesCountMax = 64
const nameSyntax = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/
const control = /[\0-\x1f\x7f]/

export const tooManyAttributes = refuse(
  'malformed', `an event has at most ${attributesCountMax} attributes; send fewer`, { pointer: '/attributes' }
)

/** Adds one; refused for a name or value that cannot be one, and for a name that is there already. */
export function addPair (pairs: string[], name: string, value: string): Refusal | undefined {
  if (pairs.length >= 2 * attributesCountMax) return tooManyAttributes
  if (!nameSyntax.test(name)) {
    return refuse('malformed', 'an attribute has a name that is no lower-case token; send one such as content-type', {
      pointer: '/attributes'
    })
  }
  const pointer = `/attributes/${name.replaceAll('~', '~0')}`
  if (control.test(value)) {
    return refuse('malformed', `the attribute ${name} holds a control character; leave it out`, { pointer })
  }
  // As UTF-8 all such halves are the same character, and different ids would become one.
  if (!value.isWellFormed()) {
    return refuse('malformed', `the attribute ${name} holds half of a surrogate pair; send valid Unicode text`, { pointer })
  }
  for (let at = 0; at < pairs.length; at += 2) {
    if (pairs[at] === name) return refuse('malformed', `the attribute ${name} is given twice; send it once`, { pointer })
  }
  pairs.push(name, value)
  return undefined
}

/** Own attributes, and those of the channel that they do not give themselves. */
export function mergePairs (own: readonly string[], defaults: readonly string[]): readonly string[] {
  if (defaults.length === 0) return own
  const merged = [...own]
  for (let at = 0; at < defaults.length; at += 2) {
    const name = defaults[at] ?? ''
    let given = false
    for (let i = 0; i < own.length; i += 2) given ||= own[i] === name
    if (!given) merged.push(name, defaults[at + 1] ?? '')
  }
  return merged
}
