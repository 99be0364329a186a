// Reads a record batch (message format v2) as a broker does; shares no code with what wrote it.

/** One record as it stands in a log. */
export interface ReadRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, string])[]
  readonly timestampMs: number
}

export interface ReadBatch {
  readonly byteCount: number
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
  readonly records: readonly ReadRecord[]
}

const headerBytes = 61

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? rest >>> 1 ^ 0x82f63b78 : rest >>> 1
  return rest
})

/** CRC-32C (Castagnoli) of everything from `start` on. */
export function checksum (bytes: Buffer, start = 0): number {
  let sum = -1
  for (let at = start; at < bytes.length; at++) sum = sum >>> 8 ^ (crcTable[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return (sum ^ -1) >>> 0
}

class Cursor {
  readonly bytes: Buffer
  at: number

  constructor (bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  varint (): number {
    let value = 0
    for (let weight = 1; ; weight *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined || weight > 2 ** 42) throw new Error('a number that does not end')
      value += (byte & 0x7f) * weight
      if (byte < 0x80) break
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  part (): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    if (this.at + length > this.bytes.length) throw new Error('a field that is longer than the batch')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
}

function readRecord (cursor: Cursor, baseMs: number, place: number): ReadRecord {
  const length = cursor.varint()
  const endAt = cursor.at + length
  if (cursor.bytes[cursor.at++] !== 0) throw new Error('record attributes')
  const timestampMs = baseMs + cursor.varint()
  if (cursor.varint() !== place) throw new Error('an offset delta that is not its place')
  const key = cursor.part()
  const value = cursor.part()
  const headers: [string, string][] = []
  for (let left = cursor.varint(); left > 0; left--) {
    const name = cursor.part()
    const content = cursor.part()
    if (name === null) throw new Error('a header without a name')
    headers.push([name.toString(), content?.toString() ?? ''])
  }
  if (cursor.at !== endAt) throw new Error('a record of another length than it says')
  return { key, value, headers, timestampMs }
}

/** Throws in words where the bytes are not exactly one sound, uncompressed batch. */
export function readBatch (bytes: Buffer): ReadBatch {
  if (bytes.length < headerBytes) throw new Error('no whole header')
  if (bytes.readInt32BE(8) !== bytes.length - 12) throw new Error('another length than it says')
  if (bytes[16] !== 2) throw new Error('not format v2')
  if (bytes.readUInt32BE(17) !== checksum(bytes, 21)) throw new Error('the checksum does not fit')
  if (bytes.readInt16BE(21) !== 0) throw new Error('attributes that nobody set')
  const count = bytes.readInt32BE(57)
  if (count < 1 || bytes.readInt32BE(23) !== count - 1) throw new Error('a wrong count')
  const baseMs = Number(bytes.readBigInt64BE(27))
  const cursor = new Cursor(bytes, headerBytes)
  const records = Array.from({ length: count }, (_, place) => readRecord(cursor, baseMs, place))
  if (cursor.at !== bytes.length) throw new Error('bytes behind the last record')
  if (Number(bytes.readBigInt64BE(35)) !== Math.max(...records.map(({ timestampMs }) => timestampMs))) {
    throw new Error('a wrong latest time')
  }
  return {
    byteCount: bytes.length, producerId: bytes.readBigInt64BE(43), epoch: bytes.readInt16BE(51),
    sequence: bytes.readInt32BE(53), records
  }
}
