// Scans one JSON value (RFC 8259) byte by byte without building it: one pass, no recursion. Used by `json.ts`.

/** Deepest nesting of arrays and objects. */
export const depthMax = 64

/** What is wrong with a text. `offset` is in bytes from the start that was given. */
export interface JsonMistake {
  readonly offset: number
  readonly problem: string
}

/** The problem of an array with more items than `splitArray` may find. */
export const tooManyItems = 'the array has too many items'

// In the order of the numbers below.
const problems = [
  'the text ends too early', 'a value must stand here', 'a literal must be true, false or null',
  'a number is malformed', 'a control character must be escaped in a string', 'an escape is malformed',
  'a string is not valid UTF-8', `nesting is deeper than ${depthMax}`, 'a member name in double quotes must stand here',
  'a colon must stand here', 'a comma or ] must stand here', 'a comma or } must stand here',
  'nothing may follow the value', 'an object must stand here', 'an array must stand here', tooManyItems,
  'a byte order mark must not stand here'
]
export const early = 0
const noValue = 1
const badLiteral = 2
const badNumber = 3
const control = 4
const badEscape = 5
const badUtf8 = 6
const deep = 7
export const noName = 8
const noColon = 9
export const noArrayEnd = 10
export const noObjectEnd = 11
export const trailing = 12
export const noObject = 13
export const noArray = 14
export const tooMany = 15
const mark = 16

/** A scan ends in a position, or in a negative number that packs the place and the problem of a mistake. */
export function fail (at: number, problem: number): number {
  return -(at * problems.length + problem) - 1
}

/** Unpacks it. */
export function mistakeOf (failure: number, start: number): JsonMistake {
  const packed = -failure - 1
  const at = Math.floor(packed / problems.length)
  return { offset: at - start, problem: problems[packed - at * problems.length] ?? 'the text is malformed' }
}

// Classes of bytes within a string: 0 needs no look, anything else does.
const stringClass = new Uint8Array(256)
stringClass.fill(1, 0, 0x20)
stringClass.fill(1, 0x80)
stringClass[0x22] = 1
stringClass[0x5c] = 1

export const quote = 0x22
export const comma = 0x2c
export const colon = 0x3a
export const openArray = 0x5b
export const backslash = 0x5c
export const closeArray = 0x5d
export const openObject = 0x7b
export const closeObject = 0x7d

/** The position of the next byte that is not white space. */
export function skipSpace (bytes: Buffer, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at] ?? 0
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at
    at++
  }
  return at
}

function isContinuation (bytes: Buffer, at: number, end: number): boolean {
  return at < end && ((bytes[at] ?? 0) & 0xc0) === 0x80
}

/** One character of two to four bytes (RFC 3629 4): no overlong forms, no surrogates, nothing above U+10FFFF. */
function scanMultibyte (bytes: Buffer, at: number, end: number): number {
  const lead = bytes[at] ?? 0
  const next = at + 1 < end ? bytes[at + 1] ?? 0 : 0
  if (lead < 0xc2 || lead > 0xf4 || (next & 0xc0) !== 0x80) return fail(at, badUtf8)
  if (lead < 0xe0) return at + 2
  if (lead < 0xf0) {
    if ((lead === 0xe0 && next < 0xa0) || (lead === 0xed && next > 0x9f)) return fail(at, badUtf8)
    return isContinuation(bytes, at + 2, end) ? at + 3 : fail(at, badUtf8)
  }
  if ((lead === 0xf0 && next < 0x90) || (lead === 0xf4 && next > 0x8f)) return fail(at, badUtf8)
  return isContinuation(bytes, at + 2, end) && isContinuation(bytes, at + 3, end) ? at + 4 : fail(at, badUtf8)
}

function isHex (byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

function scanEscape (bytes: Buffer, at: number, end: number): number {
  if (at + 1 >= end) return fail(end, early)
  switch (bytes[at + 1]) {
    case 0x22: case 0x2f: case 0x5c: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return at + 2
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) {
        if (i >= end) return fail(end, early)
        if (!isHex(bytes[i] ?? 0)) return fail(at, badEscape)
      }
      return at + 6
    case undefined:
    default: return fail(at, badEscape)
  }
}

/** The next byte of a string that needs a look, or `end`. Four bytes a round: most of a text is passed here. */
function skipPlain (bytes: Buffer, start: number, end: number): number {
  let at = start
  for (; at + 4 <= end; at += 4) {
    if (stringClass[bytes[at] ?? 0] !== 0) return at
    if (stringClass[bytes[at + 1] ?? 0] !== 0) return at + 1
    if (stringClass[bytes[at + 2] ?? 0] !== 0) return at + 2
    if (stringClass[bytes[at + 3] ?? 0] !== 0) return at + 3
  }
  while (at < end && stringClass[bytes[at] ?? 0] === 0) at++
  return at
}

/** From behind the opening quote to behind the closing one. */
export function scanString (bytes: Buffer, start: number, end: number): number {
  let at = start
  while (true) {
    at = skipPlain(bytes, at, end)
    if (at >= end) return fail(end, early)
    const byte = bytes[at] ?? 0
    if (byte === quote) return at + 1
    if (byte === backslash) at = scanEscape(bytes, at, end)
    else if (byte < 0x20) return fail(at, control)
    else at = scanMultibyte(bytes, at, end)
    if (at < 0) return at
  }
}

function scanDigits (bytes: Buffer, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at] ?? 0
    if (byte < 0x30 || byte > 0x39) return at
    at++
  }
  return at
}

function scanNumber (bytes: Buffer, start: number, end: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start
  if (at >= end) return fail(end, early)
  const digits = bytes[at] === 0x30 ? at + 1 : scanDigits(bytes, at, end)
  if (digits === at) return fail(at, badNumber)
  at = digits
  if (at < end && bytes[at] === 0x2e) {
    const fraction = scanDigits(bytes, at + 1, end)
    if (fraction === at + 1) return fail(fraction, fraction === end ? early : badNumber)
    at = fraction
  }
  if (at >= end || ((bytes[at] ?? 0) | 0x20) !== 0x65) return at
  at++
  if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++
  const exponent = scanDigits(bytes, at, end)
  return exponent === at ? fail(at, at === end ? early : badNumber) : exponent
}

function scanLiteral (bytes: Buffer, at: number, end: number): number {
  const first = bytes[at]
  const word = first === 0x74 ? 'true' : first === 0x66 ? 'false' : first === 0x6e ? 'null' : ''
  if (word === '') return fail(at, first === 0xef && at + 1 < end && bytes[at + 1] === 0xbb ? mark : noValue)
  for (let i = 1; i < word.length; i++) {
    if (at + i >= end) return fail(end, early)
    if (bytes[at + i] !== word.charCodeAt(i)) return fail(at + i, badLiteral)
  }
  return at + word.length
}

/** From before a member's name to behind its colon. */
function scanName (bytes: Buffer, start: number, end: number): number {
  const open = skipSpace(bytes, start, end)
  if (open >= end) return fail(end, early)
  if (bytes[open] !== quote) return fail(open, noName)
  const close = scanString(bytes, open + 1, end)
  return close < 0 ? close : scanColon(bytes, close, end)
}

/** From behind a name to behind its colon. */
export function scanColon (bytes: Buffer, start: number, end: number): number {
  const at = skipSpace(bytes, start, end)
  if (at >= end) return fail(end, early)
  return bytes[at] === colon ? at + 1 : fail(at, noColon)
}

// The closing bytes of the containers that are open, by depth. Shared, because a scan never calls out of this file.
const closers = new Uint8Array(depthMax + 1)

/**
 * Scans one value, white space before it included, and returns the position behind it, or a negative number for a
 * mistake. `base` is how many containers are open around it.
 */
export function scanValue (bytes: Buffer, start: number, end: number, base: number): number {
  let at = start
  let depth = base
  while (true) {
    at = skipSpace(bytes, at, end)
    if (at >= end) return fail(end, early)
    const first = bytes[at] ?? 0
    if (first === quote) at = scanString(bytes, at + 1, end)
    else if (first === openObject || first === openArray) {
      if (depth === depthMax) return fail(at, deep)
      const closer = first + 2
      at = skipSpace(bytes, at + 1, end)
      if (at < end && bytes[at] === closer) at++
      else {
        closers[++depth] = closer
        if (closer === closeArray) continue
        at = scanName(bytes, at, end)
        if (at < 0) return at
        continue
      }
    } else if (first === 0x2d || (first >= 0x30 && first <= 0x39)) at = scanNumber(bytes, at, end)
    else at = scanLiteral(bytes, at, end)
    if (at < 0) return at
    // Behind a value: close what ends here, until a comma says that another value comes.
    while (true) {
      if (depth === base) return at
      at = skipSpace(bytes, at, end)
      if (at >= end) return fail(end, early)
      const closer = closers[depth]
      const byte = bytes[at] ?? 0
      if (byte === comma) {
        at = closer === closeObject ? scanName(bytes, at + 1, end) : at + 1
        if (at < 0) return at
        break
      }
      if (byte !== closer) return fail(at, closer === closeObject ? noObjectEnd : noArrayEnd)
      at++
      depth--
    }
  }
}
