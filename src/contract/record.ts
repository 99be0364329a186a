// A record in Kafka's own layout (message format v2, KIP-98): exact sizes, encoding without allocation, decoding.

import type { SinkRecord } from './sink.ts'

/** What `approximateBytes` counts for a record beside its texts and bytes: objects, lengths, batch overhead. */
export const recordOverheadBytes = 128
const headerOverheadBytes = 16
/** Texts up to this length are measured and copied here, which is faster than a call into the platform. */
const shortTextLength = 20
const int32Min = -0x80000000
const int32Max = 0x7fffffff

/** Bytes of a signed number as a zigzag varint; exact for every safe integer and +-2^53. */
export function varintBytes (value: number): number {
  if (value >= -0x40 && value < 0x40) return 1
  if (value >= -0x2000 && value < 0x2000) return 2
  if (value >= -0x100000 && value < 0x100000) return 3
  if (value >= -0x8000000 && value < 0x8000000) return 4
  let magnitude = value < 0 ? -(value + 1) : value
  let count = 1
  for (magnitude = Math.floor(magnitude / 0x40); magnitude > 0; magnitude = Math.floor(magnitude / 0x80)) count++
  return count
}

/** Writes a signed number as a zigzag varint and returns the position after it. */
export function writeVarint (into: Buffer, at: number, value: number): number {
  if (value < int32Min || value > int32Max) return writeVarlong(into, at, value)
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    into[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  into[at++] = rest
  return at
}

/** Doubles hold 2^53 but not its zigzag form: the sign goes into the first byte by hand. */
function writeVarlong (into: Buffer, at: number, value: number): number {
  const magnitude = value < 0 ? -(value + 1) : value
  into[at++] = ((magnitude % 0x40) << 1) | (value < 0 ? 1 : 0) | 0x80
  let rest = Math.floor(magnitude / 0x40)
  while (rest > 0x7f) {
    into[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  into[at++] = rest
  return at
}

function partBytes (part: string | Buffer): number {
  if (typeof part !== 'string') return part.length
  if (part.length > shortTextLength) return Buffer.byteLength(part)
  for (let i = 0; i < part.length; i++) if (part.charCodeAt(i) > 0x7f) return Buffer.byteLength(part)
  return part.length
}

/** Writes a length before bytes that already stand behind the room that was left for it. */
function writeLengthBefore (into: Buffer, at: number, roomBytes: number, byteCount: number): number {
  const bodyAt = at + roomBytes
  const lengthBytes = varintBytes(byteCount)
  if (lengthBytes !== roomBytes) into.copyWithin(at + lengthBytes, bodyAt, bodyAt + byteCount)
  return writeVarint(into, at, byteCount) + byteCount
}

/** Text goes in before its length: it has as many bytes as characters, or more, and is then moved. */
function writeText (into: Buffer, at: number, text: string): number {
  const { length } = text
  const roomBytes = varintBytes(length)
  const textAt = at + roomBytes
  if (length > shortTextLength) return writeLengthBefore(into, at, roomBytes, into.write(text, textAt))
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return writeLengthBefore(into, at, roomBytes, into.write(text, textAt))
    into[textAt + i] = code
  }
  into[at] = length << 1
  return textAt + length
}

function writePart (into: Buffer, at: number, part: string | Buffer): number {
  if (typeof part === 'string') return writeText(into, at, part)
  at = writeVarint(into, at, part.length)
  into.set(part, at)
  return at + part.length
}

function nullableBytes (part: Buffer | null): number {
  return part === null ? 1 : withLengthBytes(part)
}

function writeNullable (into: Buffer, at: number, part: Buffer | null): number {
  return part === null ? writeVarint(into, at, -1) : writePart(into, at, part)
}

function withLengthBytes (part: string | Buffer): number {
  const byteCount = partBytes(part)
  return varintBytes(byteCount) + byteCount
}

/** The size of a record behind its length. */
function bodyBytes (record: SinkRecord, timestampDeltaMs: number, offsetDelta: number): number {
  const { headers, idName } = record
  let sum = 1 + varintBytes(timestampDeltaMs) + varintBytes(offsetDelta) + nullableBytes(record.key) +
    nullableBytes(record.value) + varintBytes(headerCount(record))
  if (idName !== undefined) sum += withLengthBytes(idName) + withLengthBytes(record.id)
  for (let i = 0; i < headers.length; i++) sum += withLengthBytes(headers[i] ?? '')
  return sum
}

export function headerCount ({ headers, idName }: SinkRecord): number {
  return (headers.length >> 1) + (idName === undefined ? 0 : 1)
}

/** All headers in their order, as flat pairs. */
export function allHeaders ({ headers, idName, id }: SinkRecord): SinkRecord['headers'] {
  return idName === undefined ? headers : [idName, id, ...headers]
}

/** Length of all parts of a list of headers. Most records share theirs with the record before: it is kept for one. */
let measured: SinkRecord['headers'] = []
let measuredLength = 0

function headersLength ({ headers, idName, id }: SinkRecord): number {
  if (headers !== measured) {
    measuredLength = 0
    for (let i = 0; i < headers.length; i++) measuredLength += headers[i]?.length ?? 0
    measured = headers
  }
  return idName === undefined ? measuredLength : measuredLength + idName.length + id.length
}

/** A size that the body has at least, and hits where all text is ASCII: characters are counted, not measured. */
function bodyBytesMin (record: SinkRecord): number {
  const { key, value } = record
  return 5 + (key?.length ?? 0) + (value?.length ?? 0) + 2 * headerCount(record) + headersLength(record)
}

/** The exact size of the encoded record in bytes, its length prefix included. */
export function recordBytes (record: SinkRecord, timestampDeltaMs: number, offsetDelta: number): number {
  const body = bodyBytes(record, timestampDeltaMs, offsetDelta)
  return varintBytes(body) + body
}

/** At least `recordBytes`, and cheaper: headers are counted as if all were text of three bytes a character. */
export function recordBytesMax (record: SinkRecord): number {
  const { key, value } = record
  return 48 + (key?.length ?? 0) + (value?.length ?? 0) + 10 * headerCount(record) + 3 * headersLength(record)
}

/** Writes the headers of records in its own way, the same bytes as `writeHeaders`. */
export interface HeadersWriter {
  write (into: Buffer, at: number, record: SinkRecord): number
  /** Told where they have come to stand. */
  keep (record: SinkRecord, at: number, end: number): void
}

/** Writes how many headers there are, and these. */
export function writeHeaders (into: Buffer, at: number, record: SinkRecord): number {
  const { headers, idName } = record
  let end = writeVarint(into, at, headerCount(record))
  if (idName !== undefined) end = writePart(into, writePart(into, end, idName), record.id)
  for (let i = 0; i < headers.length; i++) end = writePart(into, end, headers[i] ?? '')
  return end
}

/**
 * Writes the record at `at` and returns the position after it. `into` has room for `recordBytes`; nothing is allocated.
 * `record.headers` has an even length. Text is written as UTF-8, lone surrogates as U+FFFD.
 */
// eslint-disable-next-line max-params -- an options object would be one allocation per record
export function encodeRecord (
  record: SinkRecord, into: Buffer, at: number, timestampDeltaMs: number, offsetDelta: number, writer?: HeadersWriter
): number {
  const roomBytes = varintBytes(bodyBytesMin(record))
  const bodyAt = at + roomBytes
  into[bodyAt] = 0
  let end = writeVarint(into, bodyAt + 1, timestampDeltaMs)
  end = writeVarint(into, end, offsetDelta)
  end = writeNullable(into, end, record.key)
  end = writeNullable(into, end, record.value)
  const headersAt = end
  end = writer === undefined ? writeHeaders(into, end, record) : writer.write(into, end, record)
  const recordEnd = writeLengthBefore(into, at, roomBytes, end - bodyAt)
  writer?.keep(record, headersAt - end + recordEnd, recordEnd)
  return recordEnd
}

/** A record as read back. Key, value and header values are views of the bytes that were read. */
export interface DecodedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: [string, Buffer][]
  readonly timestampMs: number
  readonly offsetDelta: number
  /** The position after the record. */
  readonly end: number
}

/** Reads within a span. After a mistake `broken` stays true and every read gives nothing. */
class Reader {
  readonly #bytes: Buffer
  at: number
  end: number
  broken = false

  constructor (bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
    this.end = bytes.length
  }

  /** A zigzag varint between -2^53 and 2^53. */
  integer (): number {
    let magnitude = 0
    let negative = false
    let scale = 1
    for (let count = 0; count < 10 && this.at < this.end; count++) {
      const byte = this.#bytes[this.at++] ?? 0
      if (count === 0) {
        negative = (byte & 1) === 1
        magnitude = (byte & 0x7f) >> 1
        scale = 0x40
      } else {
        magnitude += (byte & 0x7f) * scale
        scale *= 0x80
      }
      if (byte < 0x80) {
        if (magnitude > Number.MAX_SAFE_INTEGER + (negative ? 0 : 1)) break
        return negative ? -magnitude - 1 : magnitude
      }
    }
    return this.#fail()
  }

  /** A length of -1 is null, any other negative one a mistake. */
  part (): Buffer | null {
    const byteCount = this.integer()
    if (byteCount === -1) return null
    if (byteCount < 0 || byteCount > this.end - this.at) {
      this.#fail()
      return null
    }
    this.at += byteCount
    return this.#bytes.subarray(this.at - byteCount, this.at)
  }

  #fail (): number {
    this.broken = true
    this.end = this.at
    return 0
  }
}

/**
 * Reads the record at `at`; undefined where the bytes are not one record that ends within them. A header value that
 * is null, which Kafka allows and Sluice never writes, is read as no bytes.
 */
export function decodeRecord (bytes: Buffer, at: number, baseTimestampMs: number): DecodedRecord | undefined {
  const reader = new Reader(bytes, at)
  const length = reader.integer()
  if (reader.broken || length < 1 || length > reader.end - reader.at) return undefined
  const end = reader.at + length
  reader.end = end
  // Attributes: KIP-98 leaves all bits unused.
  reader.at++
  const timestampMs = baseTimestampMs + reader.integer()
  const offsetDelta = reader.integer()
  const key = reader.part()
  const value = reader.part()
  const headerCount = reader.integer()
  // A header has at least two bytes: a count that cannot be true is not believed.
  if (headerCount < 0 || headerCount * 2 > end - reader.at) return undefined
  const headers: [string, Buffer][] = []
  for (let i = 0; i < headerCount && !reader.broken; i++) {
    const name = reader.part()
    if (name === null) return undefined
    headers.push([name.toString('utf8'), reader.part() ?? Buffer.alloc(0)])
  }
  if (reader.broken || reader.at !== end) return undefined
  return { key, value, headers, timestampMs, offsetDelta, end }
}

/** About what a record costs in a byte budget: its bytes, its characters and a fixed overhead. Cheap. */
export function approximateBytes (record: SinkRecord): number {
  const { topic, key, value } = record
  return recordOverheadBytes + topic.length + (key?.length ?? 0) + (value?.length ?? 0) +
    headersLength(record) + headerOverheadBytes * headerCount(record)
}
