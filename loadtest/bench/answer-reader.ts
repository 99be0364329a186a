// Finds where HTTP/1.1 answers end in the bytes of one keep-alive connection. Only as much as a load generator needs.

/** Reads answers with a Content-Length or in chunks. Anything else throws, because nothing could be counted then. */
export class AnswerReader {
  #text = ''
  /** Bytes of body that are still to come; -1 while the head is; -2 within chunks. */
  #left = -1
  #chunkAt = 0
  /** The status of the latest answer. */
  status = 0

  /** Gives the number of answers that end within these bytes. */
  take (bytes: Buffer): number {
    this.#text = this.#text === '' ? bytes.toString('latin1') : this.#text + bytes.toString('latin1')
    let count = 0
    while (this.#next()) count++
    return count
  }

  /** True where one more answer is whole; it is then dropped. */
  #next (): boolean {
    if (this.#left === -1 && !this.#head()) return false
    if (this.#left === -2) return this.#chunks()
    if (this.#text.length < this.#left) return false
    this.#end(this.#left)
    return true
  }

  #head (): boolean {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#text.slice(0, end)
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    if (Number.isNaN(this.status)) throw new Error(`this is no answer: ${head}`)
    if (length === null && !/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`no length: ${head}`)
    this.#left = length === null ? -2 : Number(length[1])
    this.#text = this.#text.slice(end + 4)
    this.#chunkAt = 0
    return true
  }

  #chunks (): boolean {
    for (;;) {
      const lineEnd = this.#text.indexOf('\r\n', this.#chunkAt)
      if (lineEnd < 0) return false
      const bytes = Number.parseInt(this.#text.slice(this.#chunkAt, lineEnd), 16)
      if (Number.isNaN(bytes)) throw new Error('a chunk has no size')
      const chunkEnd = lineEnd + 2 + bytes + 2
      if (this.#text.length < chunkEnd) return false
      this.#chunkAt = chunkEnd
      if (bytes === 0) {
        this.#end(chunkEnd)
        return true
      }
    }
  }

  #end (at: number): void {
    this.#text = this.#text.slice(at)
    this.#left = -1
  }
}
