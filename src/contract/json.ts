// Checks JSON text (RFC 8259) and finds the spans of its parts, as bytes: nothing is built, nothing is re-serialised.

import {
  closeArray, closeObject, comma, early, fail, mistakeOf, noArray, noArrayEnd, noName, noObject, noObjectEnd, openArray,
  openObject, quote, scanColon, scanString, scanValue, skipSpace, tooMany, trailing
} from './json-scan.ts'
import type { JsonMistake } from './json-scan.ts'

export { depthMax, tooManyItems } from './json-scan.ts'
export type { JsonMistake } from './json-scan.ts'

/** The end of the text behind its last value: only white space may follow. */
function scanEnd (bytes: Buffer, start: number, end: number): number {
  const at = skipSpace(bytes, start, end)
  return at === end ? at : fail(at, trailing)
}

/**
 * Checks that `bytes` from `start` to `end` are one JSON text: the grammar of RFC 8259, valid UTF-8, no byte order
 * mark, at most `depthMax` deep. Escapes of lone surrogates pass, as the grammar has it.
 */
export function checkJson (bytes: Buffer, start: number, end: number): JsonMistake | undefined {
  let at = scanValue(bytes, start, end, 0)
  if (at >= 0) at = scanEnd(bytes, at, end)
  return at < 0 ? mistakeOf(at, start) : undefined
}

/** Takes one member: the name without its quotes, still escaped, and the value. False ends the walk. */
export type MemberVisitor = (
  keyStart: number, keyEnd: number, valueStart: number, valueEnd: number
) => boolean | undefined | void

/**
 * Calls `visit` for every member of the object that is the whole text, in order, repeated names included, and checks
 * the text on the way: what was visited before a mistake is well-formed. A walk that `visit` ended is not checked
 * further.
 */
export function forEachMember (
  bytes: Buffer, start: number, end: number, visit: MemberVisitor
): JsonMistake | undefined {
  const at = walkMembers(bytes, start, end, visit)
  return at < 0 ? mistakeOf(at, start) : undefined
}

function walkMembers (bytes: Buffer, start: number, end: number, visit: MemberVisitor): number {
  let at = skipSpace(bytes, start, end)
  if (at >= end) return fail(end, early)
  if (bytes[at] !== openObject) return notThis(bytes, at, end, noObject)
  at = skipSpace(bytes, at + 1, end)
  if (at < end && bytes[at] === closeObject) return scanEnd(bytes, at + 1, end)
  while (true) {
    const keyQuote = skipSpace(bytes, at, end)
    if (keyQuote >= end) return fail(end, early)
    if (bytes[keyQuote] !== quote) return fail(keyQuote, noName)
    const keyEnd = scanString(bytes, keyQuote + 1, end)
    if (keyEnd < 0) return keyEnd
    at = scanColon(bytes, keyEnd, end)
    if (at < 0) return at
    const valueStart = skipSpace(bytes, at, end)
    const valueEnd = scanValue(bytes, valueStart, end, 1)
    if (valueEnd < 0) return valueEnd
    if (visit(keyQuote + 1, keyEnd - 1, valueStart, valueEnd) === false) return valueEnd
    at = skipSpace(bytes, valueEnd, end)
    if (at >= end) return fail(end, early)
    if (bytes[at] === closeObject) return scanEnd(bytes, at + 1, end)
    if (bytes[at] !== comma) return fail(at, noObjectEnd)
    at++
  }
}

/** Something else stands where a container was asked for: a mistake of its own goes before that. */
function notThis (bytes: Buffer, at: number, end: number, problem: number): number {
  const behind = scanValue(bytes, at, end, 0)
  return behind < 0 ? behind : fail(at, problem)
}

/**
 * The spans of the items of the array that is the whole text, each checked. More than `itemsMax` are the mistake
 * `tooManyItems`, at the first item too many.
 */
export function splitArray (
  bytes: Buffer, start: number, end: number, itemsMax: number
): { starts: number[], ends: number[] } | JsonMistake {
  const starts: number[] = []
  const ends: number[] = []
  let at = skipSpace(bytes, start, end)
  if (at >= end) return mistakeOf(fail(end, early), start)
  if (bytes[at] !== openArray) return mistakeOf(notThis(bytes, at, end, noArray), start)
  at = skipSpace(bytes, at + 1, end)
  let open = at >= end || bytes[at] !== closeArray
  while (open) {
    const itemStart = skipSpace(bytes, at, end)
    if (starts.length === itemsMax && itemStart < end) return mistakeOf(fail(itemStart, tooMany), start)
    const itemEnd = scanValue(bytes, itemStart, end, 1)
    if (itemEnd < 0) return mistakeOf(itemEnd, start)
    starts.push(itemStart)
    ends.push(itemEnd)
    at = skipSpace(bytes, itemEnd, end)
    if (at >= end) return mistakeOf(fail(end, early), start)
    open = bytes[at] !== closeArray
    if (open && bytes[at] !== comma) return mistakeOf(fail(at, noArrayEnd), start)
    if (open) at++
  }
  const behind = scanEnd(bytes, at + 1, end)
  return behind < 0 ? mistakeOf(behind, start) : { starts, ends }
}
