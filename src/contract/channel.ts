// The one grammar of channels, the addresses of events, on all protocols: levels separated by `/`.

import { refuse } from './outcome.ts'
import type { Refusal } from './outcome.ts'

/** Longest channel, in bytes of UTF-8. */
export const channelBytesMax = 255
/** Most levels of a channel. */
export const levelCountMax = 16

const slash = 0x2f
const notAscii = /[^\0-\x7f]/

function wrong (what: string): Refusal {
  return refuse('malformed', `the channel ${what}`)
}

/** Says why a character may not stand in a channel; undefined where it may. `next` is NaN at the end of the text. */
function characterMistake (code: number, next: number): string | undefined {
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return 'holds a control character; leave it out'
  if (code === 0x23 || code === 0x2b) return 'holds # or +, which are wildcards; name one channel'
  if (code >= 0xdc00 && code <= 0xdfff) return 'holds a lone surrogate; send valid Unicode text'
  if (code >= 0xd800 && code <= 0xdbff && !(next >= 0xdc00 && next <= 0xdfff)) {
    return 'holds a lone surrogate; send valid Unicode text'
  }
  return undefined
}

function levelMistake (text: string, from: number, to: number): string | undefined {
  if (to === from) return 'has an empty level; write names with one / between them and none at the ends'
  const first = text.charCodeAt(from)
  if (from === 0 && (first === 0x24 || first === 0x5f)) return 'begins with $ or _, which are reserved; begin otherwise'
  if (first !== 0x2e) return undefined
  const relative = to - from === 1 || (to - from === 2 && text.charCodeAt(from + 1) === 0x2e)
  return relative ? 'has a level . or ..; write the channel out in full' : undefined
}

/**
 * The channel that a text names, or a refusal `malformed` that says what is wrong. No level is empty, `.` or `..`; the
 * first does not begin with `$` or `_`; no control characters, no `#` or `+`, no lone surrogates; at most 255 bytes of
 * UTF-8 and 16 levels.
 */
export function parseChannel (text: string): string | Refusal {
  const tooLong = `is longer than ${channelBytesMax} bytes of UTF-8; shorten it`
  if (text === '') return wrong('is empty; name one, such as orders/eu')
  // A character has at least one byte: what is certainly too long is not looked at.
  if (text.length > channelBytesMax) return wrong(tooLong)
  let levelCount = 0
  let levelAt = 0
  let byteCount = 0
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? slash : text.charCodeAt(at)
    if (code === slash) {
      const mistake = levelMistake(text, levelAt, at)
      if (mistake !== undefined) return wrong(mistake)
      levelCount++
      levelAt = at + 1
      byteCount++
    } else if (code > 0x2b && code < 0x7f) {
      byteCount++
    } else {
      const mistake = characterMistake(code, text.charCodeAt(at + 1))
      if (mistake !== undefined) return wrong(mistake)
      byteCount += code < 0x80 ? 1 : code < 0x800 ? 2 : 3
      if (code >= 0xd800 && code <= 0xdbff) {
        at++
        byteCount++
      }
    }
  }
  // The end was counted as a separator.
  if (byteCount - 1 > channelBytesMax) return wrong(tooLong)
  if (levelCount > levelCountMax) return wrong(`has more than ${levelCountMax} levels; use fewer`)
  return text
}

/**
 * The channel in a percent-encoded path (RFC 3986 2.1), without its leading slash and query. The encoding is undone
 * exactly once, so `%2F` separates levels like `/`. Refusal `malformed` for broken encoding, invalid UTF-8 and
 * characters that had to be encoded.
 */
export function decodeChannel (percentEncodedPath: string): string | Refusal {
  if (notAscii.test(percentEncodedPath)) return wrong('holds characters outside ASCII; percent-encode them as UTF-8')
  if (!percentEncodedPath.includes('%')) return parseChannel(percentEncodedPath)
  let text: string
  try {
    text = decodeURIComponent(percentEncodedPath)
  } catch {
    return wrong('is not valid percent-encoded UTF-8; write % as %25')
  }
  return parseChannel(text)
}
