// The CloudEvents JSON format 1.0.2: one event, a batch, and back, without ever re-serialising the data.

import {
  finishContext, newDraft, refuseAttribute, setAttribute, setPrintable, specVersion
} from './cloudevents.ts'
import type { ContextDraft } from './cloudevents.ts'
import type { Context } from './envelope.ts'
import { checkJson, forEachMember, splitArray, tooManyItems } from './json.ts'
import type { JsonMistake } from './json.ts'
import { textOf } from './json-pointer.ts'
import { isJson, mediaType } from './media-type.ts'
import { isRefusal, refuse } from './outcome.ts'
import type { Refusal } from './outcome.ts'

/** One event as its JSON form tells it. */
export interface StructuredEvent {
  readonly context: Context
  /** A view of the bytes that were read wherever they stand there as they are. `null`: no data. */
  readonly data: Buffer | null
  /** True where the data has been found to be well-formed JSON. */
  readonly dataChecked: boolean
}

const jsonType = 'application/json'
const knownNames = [
  'id', 'type', 'time', 'data', 'source', 'subject', 'dataschema', 'specversion', 'data_base64', 'datacontenttype'
]
const nameLengthMax = 15
const knownByLength = Array.from({ length: nameLengthMax + 1 }, (_, length) =>
  knownNames.filter(name => name.length === length))

/** True where the bytes from `at` are that ASCII text. */
function isText (bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

function nameOf (bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length <= nameLengthMax) {
    const known = knownByLength[length]
    if (known !== undefined) {
      for (let i = 0; i < known.length; i++) {
        const name = known[i] ?? ''
        if (isText(bytes, start, name)) return name
      }
    }
  }
  return textOf(bytes, start, end)
}

/** True where a span between quotes is printable ASCII without escapes: it stands for itself. */
function isPrintable (bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte > 0x7e || byte < 0x20 || byte === 0x5c) return false
  }
  return true
}

/** Sets a string, given with its quotes. The two texts that nearly every event has are not made anew. */
function readText (reading: Reading, name: string, start: number, end: number): Refusal | undefined {
  const { bytes, draft } = reading
  const length = end - start - 2
  if (length === specVersion.length && isText(bytes, start + 1, specVersion)) {
    return setPrintable(draft, name, specVersion)
  }
  if (length === jsonType.length && isText(bytes, start + 1, jsonType)) return setPrintable(draft, name, jsonType)
  return isPrintable(bytes, start + 1, end - 1)
    ? setPrintable(draft, name, bytes.toString(undefined, start + 1, end - 1))
    : setAttribute(draft, name, textOf(bytes, start + 1, end - 1))
}

/** What one walk over the members gathers. */
interface Reading {
  readonly bytes: Buffer
  readonly draft: ContextDraft
  dataStart: number
  dataEnd: number
  base64Start: number
  base64End: number
  /** Names whose value was null, made when there is one. */
  unset: Set<string> | undefined
  refusal: Refusal | undefined
}

const integerSyntax = /^-?[0-9]+$/

function readAttribute (reading: Reading, name: string, start: number, end: number): Refusal | undefined {
  const { bytes, draft } = reading
  switch (bytes[start]) {
    case 0x22: return readText(reading, name, start, end)
    case 0x74: return setAttribute(draft, name, true)
    case 0x66: return setAttribute(draft, name, false)
    case 0x7b: case 0x5b: return refuseAttribute(name, 'is an object or an array; send a string, a boolean or an integer')
    case undefined:
    default: {
      const text = bytes.toString('latin1', start, end)
      // Only the integer part of JSON's numbers is an Integer (JSON format 2.2): 1.0 and 1e3 are not.
      return setAttribute(draft, name, integerSyntax.test(text) ? Number(text) : NaN)
    }
  }
}

const twice = 'is given more than once; send it once'

/** Notes a null: it equals absent (JSON format 2.2), but a name still stands only once. */
function readUnset (reading: Reading, name: string): Refusal | undefined {
  reading.unset ??= new Set()
  if (reading.unset.has(name)) return refuseAttribute(name, twice)
  reading.unset.add(name)
  return undefined
}

function isSet (reading: Reading, name: string): boolean {
  const { draft } = reading
  if (name === 'data_base64') return reading.base64Start !== -1
  if (!knownNames.includes(name)) return draft.extensions?.has(name) === true
  const value = Object.entries(draft).find(([key]) => key === name)?.[1]
  return value !== undefined && value !== ''
}

function readMember (reading: Reading, name: string, start: number, end: number): Refusal | undefined {
  if (name === 'data') {
    if (reading.dataStart !== -1) return refuseAttribute(name, twice)
    reading.dataStart = start
    reading.dataEnd = end
    return undefined
  }
  if (reading.bytes[start] === 0x6e) return readUnset(reading, name)
  if (name === 'data_base64') {
    if (reading.base64Start !== -1) return refuseAttribute(name, twice)
    if (reading.bytes[start] !== 0x22) return refuseAttribute(name, 'must be a string of base64')
    reading.base64Start = start
    reading.base64End = end
    return undefined
  }
  return readAttribute(reading, name, start, end)
}

/** The text in `data` of an event whose content type is not JSON (JSON format 3.1.2). */
function textData (bytes: Buffer, start: number, end: number): Buffer | Refusal {
  if (bytes[start] !== 0x22) {
    const advice = 'must be a string where datacontenttype is not JSON; send bytes as data_base64'
    return refuse('invalid-event', `the member "data" ${advice}`, { pointer: '/data' })
  }
  const plain = bytes.subarray(start + 1, end - 1)
  if (!plain.includes(0x5c)) return plain
  const text = textOf(bytes, start + 1, end - 1)
  return text.isWellFormed()
    ? Buffer.from(text)
    : refuse('invalid-event', 'the member "data" holds half of a surrogate pair; send valid Unicode text', {
      pointer: '/data'
    })
}

/** Strict base64 (RFC 4648 4): the standard alphabet, padded, no spare bits; what cannot be written back is refused. */
function base64Data (bytes: Buffer, start: number, end: number): Buffer | Refusal {
  const text = textOf(bytes, start + 1, end - 1)
  const data = Buffer.from(text, 'base64')
  return data.toString('base64') === text
    ? data
    : refuse('invalid-event', 'the member "data_base64" is not base64 with padding (RFC 4648 section 4)', {
      pointer: '/data_base64'
    })
}

function malformed (mistake: JsonMistake): Refusal {
  return refuse('malformed', `the event cannot be read as JSON: ${mistake.problem} at byte ${mistake.offset}`)
}

/** What the walk gathered, as an event. */
function finish (reading: Reading): StructuredEvent | Refusal {
  const { bytes, draft, dataStart, dataEnd, base64Start, base64End, unset } = reading
  if (unset !== undefined) for (const name of unset) if (isSet(reading, name)) return refuseAttribute(name, twice)
  if (dataStart !== -1 && base64Start !== -1) {
    return refuse('invalid-event', 'the event has both data and data_base64; send one of them', { pointer: '/data_base64' })
  }
  // The content type that data alone implies is made explicit: other bindings do not imply it (JSON format 3.1.2).
  if (dataStart !== -1) draft.datacontenttype ??= jsonType
  const context = finishContext(draft)
  if (isRefusal(context)) return context
  if (dataStart === -1 && base64Start === -1) return { context, data: null, dataChecked: false }
  if (dataStart !== -1 && isJson(mediaType(context.datacontenttype))) {
    return { context, data: bytes.subarray(dataStart, dataEnd), dataChecked: true }
  }
  const data = dataStart === -1 ? base64Data(bytes, base64Start, base64End) : textData(bytes, dataStart, dataEnd)
  return isRefusal(data) ? data : { context, data, dataChecked: false }
}

/**
 * Reads one event in JSON. `malformed` tells the byte of the mistake; whatever breaks a rule of CloudEvents is
 * `invalid-event`, repeated members too. `"data":null` is the JSON value null as data, not an event without data (JSON
 * format 3.1.1).
 */
export function decodeStructured (bytes: Buffer, start: number, end: number): StructuredEvent | Refusal {
  const reading: Reading = {
    bytes,
    draft: newDraft(),
    dataStart: -1,
    dataEnd: -1,
    base64Start: -1,
    base64End: -1,
    unset: undefined,
    refusal: undefined
  }
  const mistake = forEachMember(bytes, start, end, (keyStart, keyEnd, valueStart, valueEnd) => {
    reading.refusal = readMember(reading, nameOf(bytes, keyStart, keyEnd), valueStart, valueEnd)
    return reading.refusal === undefined
  })
  if (mistake !== undefined) return malformed(mistake)
  return reading.refusal ?? finish(reading)
}

/**
 * Reads a batch (JSON format 4): an event or a refusal for every item, or one refusal for all where the text is
 * malformed or holds more than `eventsMax` events (`too-large`). An empty batch is legal.
 */
export function decodeBatch (
  bytes: Buffer, start: number, end: number, eventsMax: number
): (StructuredEvent | Refusal)[] | Refusal {
  const items = splitArray(bytes, start, end, eventsMax)
  if ('problem' in items) {
    return items.problem === tooManyItems
      ? refuse('too-large', `the batch has more than ${eventsMax} events; send several batches`)
      : malformed(items)
  }
  return items.starts.map((itemStart, i) => decodeStructured(bytes, itemStart, items.ends[i] ?? itemStart))
}

function member (name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`
}

/**
 * Writes one event in JSON. Well-formed JSON data stands in it byte for byte (a reader takes white space around it for
 * the document's); anything else, malformed JSON that its content type promised included, goes in as `data_base64`.
 * `dataChecked` spares the check where it has been made.
 */
export function encodeStructured (context: Context, data: Buffer | null, dataChecked = false): Buffer {
  let head = `{"specversion":"${specVersion}","id":${JSON.stringify(context.id)}` +
    `,"source":${JSON.stringify(context.source)},"type":${JSON.stringify(context.type)}` +
    member('subject', context.subject) + member('time', context.time) +
    member('datacontenttype', context.datacontenttype) + member('dataschema', context.dataschema)
  if (context.extensions.size > 0) for (const [name, value] of context.extensions) head += member(name, value)
  if (data === null) return Buffer.from(`${head}}`)
  const fits = isJson(mediaType(context.datacontenttype)) &&
    (dataChecked || checkJson(data, 0, data.length) === undefined)
  if (!fits) return Buffer.from(`${head},"data_base64":"${data.toString('base64')}"}`)
  head += ',"data":'
  const headBytes = Buffer.byteLength(head)
  const whole = Buffer.allocUnsafe(headBytes + data.length + 1)
  whole.write(head)
  whole.set(data, headBytes)
  whole[whole.length - 1] = 0x7d
  return whole
}
