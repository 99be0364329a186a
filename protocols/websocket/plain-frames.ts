// Messages of one frame without the library's detours: taken where they stand whole in what was read, and written.

import { isUtf8 } from 'node:buffer'

/** FIN, no reserved bit, and the opcode of a text or of a binary message (RFC 6455 5.2). */
const wholeText = 0x81
const wholeBinary = 0x82
const maskBit = 0x80
const lengthBits = 0x7f
/** The length stands in the two bytes that follow. */
const longLength = 126
const longestLength = 127
const longLengthMax = 0xffff
const maskBytes = 4
const wordBytes = 4

/** Takes messages in their order. */
export interface PlainReader {
  /** True: nothing is to be taken any more. */
  readonly hasConcluded: boolean
  message (data: Buffer, isBinary: boolean): void
}

const maskOfWord = new Uint8Array(wordBytes)
const maskWord = new Int32Array(maskOfWord.buffer)

/**
 * Takes such messages from the head of `bytes`, between two messages of the stream. Returns where the first frame
 * begins that is anything else: control, fragmented, longer than `bytesMax`, cut off or wrong. The library is to be
 * given it and all behind it. Payloads are unmasked where they stand.
 */
export function takePlainFrames (bytes: Buffer, bytesMax: number, reader: PlainReader): number {
  const words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2)
  let at = 0
  while (at + 2 + maskBytes <= bytes.length && !reader.hasConcluded) {
    const first = bytes[at] ?? 0
    const second = bytes[at + 1] ?? 0
    if ((first !== wholeText && first !== wholeBinary) || second < maskBit) return at
    let length = second & lengthBits
    let maskAt = at + 2
    if (length === longLength) {
      length = (bytes[maskAt] ?? 0) << 8 | (bytes[maskAt + 1] ?? 0)
      maskAt += 2
    } else if (length > longLength) return at
    const start = maskAt + maskBytes
    const end = start + length
    if (end > bytes.length || length > bytesMax) return at
    unmask(bytes, words, start, end)
    const data = bytes.subarray(start, end)
    if (first === wholeText && !isUtf8(data)) {
      // The library says what is wrong with it, and looks at it as it came.
      unmask(bytes, words, start, end)
      return at
    }
    reader.message(data, first === wholeBinary)
    at = end
  }
  return at
}

/** RFC 6455 5.3, a word at a time where words stand; the mask is before `start`. A second time masks again. */
function unmask (bytes: Buffer, words: Int32Array, start: number, end: number): void {
  const maskAt = start - maskBytes
  const { byteOffset } = bytes
  const misaligned = (byteOffset + start) % wordBytes
  const wordsAt = Math.min(end, misaligned === 0 ? start : start + wordBytes - misaligned)
  for (let at = start; at < wordsAt; at++) bytes[at] = (bytes[at] ?? 0) ^ (bytes[maskAt + at - start] ?? 0)
  const turn = wordsAt - start
  for (let place = 0; place < wordBytes; place++) maskOfWord[place] = bytes[maskAt + (turn + place) % maskBytes] ?? 0
  const mask = maskWord[0] ?? 0
  let word = (byteOffset + wordsAt) / wordBytes
  const wordCount = Math.floor((end - wordsAt) / wordBytes)
  for (const last = word + wordCount; word < last; word++) words[word] = (words[word] ?? 0) ^ mask
  for (let at = wordsAt + wordCount * wordBytes; at < end; at++) {
    bytes[at] = (bytes[at] ?? 0) ^ (bytes[maskAt + (at - start) % maskBytes] ?? 0)
  }
}

/** Texts as a server's frames, one behind the other: a write of the socket, whatever their number. */
export function framesOf (texts: readonly string[]): Buffer {
  const sizes = texts.map(text => Buffer.byteLength(text))
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + headBytes(size) + size, 0))
  let at = 0
  for (const [place, text] of texts.entries()) {
    const size = sizes[place] ?? 0
    at = writeHead(bytes, at, size)
    at += bytes.write(text, at)
  }
  return bytes
}

function headBytes (size: number): number {
  return size < longLength ? 2 : size <= longLengthMax ? 4 : 10
}

function writeHead (bytes: Buffer, start: number, size: number): number {
  let at = bytes.writeUInt8(wholeText, start)
  if (size < longLength) return bytes.writeUInt8(size, at)
  if (size <= longLengthMax) {
    at = bytes.writeUInt8(longLength, at)
    return bytes.writeUInt16BE(size, at)
  }
  at = bytes.writeUInt8(longestLength, at)
  return bytes.writeUInt32BE(size, bytes.writeUInt32BE(0, at))
}
