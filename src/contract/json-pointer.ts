// JSON pointers (RFC 6901) that find the span of a value in JSON text, without parsing it.

import {
  backslash, colon, comma, openArray, openObject, quote, scanValue, skipSpace
} from './json-scan.ts'

/** One step down: the name of a member, which may be the index of an item. */
interface Step {
  readonly name: string
  readonly nameBytes: Buffer
  /** -1: not the index of an array's item. */
  readonly index: number
}

/** A pointer ready for use. No steps: the whole text. */
export interface Pointer {
  readonly steps: readonly Step[]
}

export type JsonKind = 'string' | 'number' | 'true' | 'false' | 'null' | 'object' | 'array'

/** Where a value stands: a string with its quotes. */
export interface JsonSpan {
  readonly start: number
  readonly end: number
  readonly kind: JsonKind
}

/** Undefined for a text that is no pointer: it lacks the leading `/`, or has a `~` that is neither `~0` nor `~1`. */
export function compilePointer (text: string): Pointer | undefined {
  if (text === '') return { steps: [] }
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined
  const steps = text.slice(1).split('/').map(raw => {
    const name = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    const index = /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : -1
    return { name, nameBytes: Buffer.from(name), index }
  })
  return { steps }
}

/** The text of a string, given the span between its quotes. */
export function textOf (bytes: Buffer, start: number, end: number): string {
  if (!hasEscape(bytes, start, end)) return bytes.toString(undefined, start, end)
  return String(JSON.parse(bytes.toString('utf8', start - 1, end + 1)))
}

/** True where the name between its quotes is that of the step. */
function isNamed (bytes: Buffer, start: number, end: number, step: Step): boolean {
  const { nameBytes } = step
  let i = 0
  for (; start + i < end; i++) {
    const byte = bytes[start + i]
    // An escaped name is compared as text.
    if (byte === backslash) return textOf(bytes, start, end) === step.name
    if (byte !== nameBytes[i]) return hasEscape(bytes, start + i, end) && textOf(bytes, start, end) === step.name
  }
  return i === nameBytes.length
}

function hasEscape (bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === backslash) return true
  return false
}

/** Start of the value of the last member of that name (as JSON.parse has it), or -1. `at` is behind the brace. */
function memberStart (bytes: Buffer, at: number, end: number, step: Step): number {
  let found = -1
  while (true) {
    const name = skipSpace(bytes, at, end)
    if (bytes[name] !== quote) return found
    const nameEnd = scanValue(bytes, name, end, 0)
    const separator = nameEnd < 0 ? end : skipSpace(bytes, nameEnd, end)
    if (separator >= end || bytes[separator] !== colon) return -1
    const value = skipSpace(bytes, separator + 1, end)
    if (isNamed(bytes, name + 1, nameEnd - 1, step)) found = value
    const valueEnd = scanValue(bytes, value, end, 0)
    if (valueEnd < 0) return -1
    at = skipSpace(bytes, valueEnd, end)
    if (at >= end || bytes[at] !== comma) return found
    at++
  }
}

/** Start of the item of that index, or -1. `at` is behind the bracket. */
function itemStart (bytes: Buffer, at: number, end: number, index: number): number {
  for (let i = 0; index >= 0; i++) {
    const item = skipSpace(bytes, at, end)
    const itemEnd = scanValue(bytes, item, end, 0)
    if (itemEnd < 0) return -1
    if (i === index) return item
    at = skipSpace(bytes, itemEnd, end)
    if (at >= end || bytes[at] !== comma) return -1
    at++
  }
  return -1
}

function kindOf (first: number | undefined): JsonKind {
  switch (first) {
    case quote: return 'string'
    case openObject: return 'object'
    case openArray: return 'array'
    case 0x74: return 'true'
    case 0x66: return 'false'
    case 0x6e: return 'null'
    case undefined:
    default: return 'number'
  }
}

/**
 * The value that the pointer names in a text that is well-formed; undefined where there is none. Of repeated names the
 * last counts, as in JSON.parse.
 */
export function pointerValue (bytes: Buffer, start: number, end: number, pointer: Pointer): JsonSpan | undefined {
  let at = skipSpace(bytes, start, end)
  for (const step of pointer.steps) {
    if (at >= end) return undefined
    if (bytes[at] === openObject) at = memberStart(bytes, at + 1, end, step)
    else if (bytes[at] === openArray) at = itemStart(bytes, at + 1, end, step.index)
    else return undefined
    if (at < 0) return undefined
  }
  const valueEnd = scanValue(bytes, at, end, 0)
  return valueEnd < 0 ? undefined : { start: at, end: valueEnd, kind: kindOf(bytes[at]) }
}

/**
 * A string without quotes and escapes, or a number or boolean as it is written; undefined for null, objects and arrays.
 */
export function scalarText (bytes: Buffer, span: JsonSpan): string | undefined {
  switch (span.kind) {
    case 'string': return textOf(bytes, span.start + 1, span.end - 1)
    case 'number': case 'true': case 'false': return bytes.toString('latin1', span.start, span.end)
    case 'null': case 'object': case 'array': return undefined
  }
}
