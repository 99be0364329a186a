// The headers of the record before, as they stand in its buffer: those of the next one mostly differ in their id alone.

import { headerCount, varintBytes, writeHeaders } from './record.ts'
import type { HeadersWriter } from './record.ts'
import type { SinkRecord } from './sink.ts'

/** Those of one buffer, into which records are written one behind the other. */
export class HeadersBefore implements HeadersWriter {
  #headers: SinkRecord['headers'] | undefined
  #idName: string | undefined
  /** In characters, of which each is one byte. */
  #idLength = 0
  /** Where the id stands, from the first byte of the headers. */
  #idOffset = 0
  #at = 0
  #end = 0
  #isCopied = false

  write (into: Buffer, at: number, record: SinkRecord): number {
    this.#isCopied = this.#copy(into, at, record)
    return this.#isCopied ? at + this.#end - this.#at : writeHeaders(into, at, record)
  }

  keep (record: SinkRecord, at: number, end: number): void {
    this.#at = at
    this.#end = end
    if (this.#isCopied) return
    const { headers, idName, id } = record
    const idLength = idName === undefined ? 0 : id.length
    const hasPlace = idName === undefined || Buffer.byteLength(idName + id) === idName.length + idLength
    this.#headers = hasPlace ? headers : undefined
    this.#idName = idName
    this.#idLength = idLength
    const nameLength = idName?.length ?? 0
    this.#idOffset = varintBytes(headerCount(record)) + varintBytes(nameLength) + nameLength + varintBytes(idLength)
  }

  /** False: they are not alike enough, and what was written there means nothing. */
  #copy (into: Buffer, at: number, { headers, idName, id }: SinkRecord): boolean {
    if (headers !== this.#headers || idName !== this.#idName) return false
    if (idName !== undefined && id.length !== this.#idLength) return false
    into.copyWithin(at, this.#at, this.#end)
    return idName === undefined || into.write(id, at + this.#idOffset) === id.length
  }
}
