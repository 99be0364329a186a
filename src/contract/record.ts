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
  return part === null ? 1 : varintBytes(part.length) + part.length
}

function writeNullable (into: Buffer, at: number, part: Buffer | null): number {
  return part === null ? writeVarint(into, at, -1) : writePart(into, at, part)
}

/** The size of a record behind its length. */
function bodyBytes (record: SinkRecord, timestampDeltaMs: number, offsetDelta: number): number {
  const { headers } = record
  let sum = 1 + varintBytes(timestampDeltaMs) + varintBytes(offsetDelta) + nullableBytes(record.key) +
    nullableBytes(record.value) + varintBytes(headers.length >> 1)
  for (let i = 0; i < headers.length; i++) {
    const byteCount = partBytes(headers[i] ?? '')
    sum += varintBytes(byteCount) + byteCount
  }
  return sum
}

/** A size that the body has at least, and hits where all text is ASCII: characters are counted, not measured. */
function bodyBytesMin (record: SinkRecord): number {
  const { headers } = record
  let sum = 5 + (record.key?.length ?? 0) + (record.value?.length ?? 0) + headers.length
  for (let i = 0; i < headers.length; i++) sum += headers[i]?.length ?? 0
  return sum
}

/** The exact size of the encoded record in bytes, its length prefix included. */
export function recordBytes (record: SinkRecord, timestampDeltaMs: number, offsetDelta: number): number {
  const body = bodyBytes(record, timestampDeltaMs, offsetDelta)
  return varintBytes(body) + body
}

/** At least `recordBytes`, and cheaper: characters are counted as if each took three bytes, lengths as if five. */
export function recordBytesMax (record: SinkRecord): number {
  const { headers } = record
  let sum = 48 + (record.key?.length ?? 0) + (record.value?.length ?? 0) + 5 * headers.length
  for (let i = 0; i < headers.length; i++) {
    const part = headers[i] ?? ''
    sum += typeof part === 'string' ? 3 * part.length : part.length
  }
  return sum
}

/** Writes headers in its own way, the same bytes as `writeHeaders`. */
export interface HeadersWriter {
  write (into: Buffer, at: number, headers: SinkRecord['headers']): number
  /** Told where they have come to stand. */
  keep (headers: SinkRecord['headers'], at: number, end: number): void
}

/** Writes how many headers there are, and these. */
export function writeHeaders (into: Buffer, at: number, headers: SinkRecord['headers']): number {
  let end = writeVarint(into, at, headers.length >> 1)
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
  const { headers } = record
  const roomBytes = varintBytes(bodyBytesMin(record))
  const bodyAt = at + roomBytes
  into[bodyAt] = 0
  let end = writeVarint(into, bodyAt + 1, timestampDeltaMs)
  end = writeVarint(into, end, offsetDelta)
  end = writeNullable(into, end, record.key)
  end = writeNullable(into, end, record.value)
  const headersAt = end
  end = writer === undefined ? writeHeaders(into, end, headers) : writer.write(into, end, headers)
  const recordEnd = writeLengthBefore(into, at, roomBytes, end - bodyAt)
  writer?.keep(headers, headersAt - end + recordEnd, recordEnd)
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
  const { headers } = record
  let sum = recordOverheadBytes + record.topic.length + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (let i = 0; i < headers.length; i++) sum += (headers[i]?.length ?? 0)
  return sum + headerOverheadBytes * (headers.length >> 1)
}
