// The headers of the record before, as they stand in its buffer: those of the next one mostly differ in their id alone.

import { varintBytes, writeHeaders } from './record.ts'
import type { HeadersWriter } from './record.ts'
import type { SinkRecord } from './sink.ts'

type Headers = SinkRecord['headers']

const none: Headers = []

/** True where these headers have as many bytes as characters, so that the place of each is known. */
function isAscii (headers: Headers, byteCount: number): boolean {
  let sum = varintBytes(headers.length >> 1)
  for (let i = 0; i < headers.length; i++) {
    const length = headers[i]?.length ?? 0
    sum += varintBytes(length) + length
  }
  return sum === byteCount
}

/** Those of one buffer, into which records are written one behind the other. */
export class HeadersBefore implements HeadersWriter {
  #headers = none
  /** -1: there are none that can be copied. */
  #at = -1
  #end = -1
  #isCopied = false

  write (into: Buffer, at: number, headers: Headers): number {
    const end = this.#copy(into, at, headers)
    this.#isCopied = end >= 0
    return this.#isCopied ? end : writeHeaders(into, at, headers)
  }

  keep (headers: Headers, at: number, end: number): void {
    this.#at = this.#isCopied || isAscii(headers, end - at) ? at : -1
    this.#headers = headers
    this.#end = end
  }

  /** -1: they are not alike enough, and what was written there means nothing. */
  #copy (into: Buffer, at: number, headers: Headers): number {
    const before = this.#headers
    if (this.#at < 0 || before.length !== headers.length) return -1
    into.copyWithin(at, this.#at, this.#end)
    let place = at + varintBytes(headers.length >> 1)
    for (let i = 0; i < headers.length; i++) {
      const part = headers[i] ?? ''
      const known = before[i] ?? ''
      const { length } = part
      place += varintBytes(length)
      if (part !== known) {
        if (typeof part !== 'string' || typeof known !== 'string' || length !== known.length) return -1
        if (into.write(part, place) !== length) return -1
      }
      place += length
    }
    return at + this.#end - this.#at
  }
}
