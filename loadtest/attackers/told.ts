// How an attacker was told of its end: read from the last bytes that came, whatever protocol they are of.

const tailBytesMax = 256
const codesOfHttp2: Readonly<Record<number, string>> = {
  0: 'NO_ERROR', 1: 'PROTOCOL_ERROR', 2: 'INTERNAL_ERROR', 3: 'FLOW_CONTROL_ERROR', 7: 'REFUSED_STREAM', 8: 'CANCEL',
  11: 'ENHANCE_YOUR_CALM'
}
const headersFrame = 1
const resetFrame = 3
const goawayFrame = 7
const endStream = 1
const closeFrame = 0x88
const statusLineBytes = 12

function named (code: number): string { return codesOfHttp2[code] ?? String(code) }

/** Reads the frames of one HTTP/2 connection. */
export class Http2Told {
  /** How its call ended, where it has. */
  call = ''
  connection = ''
  #left = 0
  #head = Buffer.alloc(0)

  push (chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const part = Math.min(this.#left, chunk.length - at)
        this.#left -= part
        at += part
        continue
      }
      const missing = this.#wanted() - this.#head.length
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + missing)])
      at += missing
      if (this.#head.length < this.#wanted()) continue
      this.#frame(this.#head)
      this.#left = this.#head.readUIntBE(0, 3) - (this.#head.length - 9)
      this.#head = Buffer.alloc(0)
    }
  }

  /** The head, and of frames that say why something ends their code. */
  #wanted (): number {
    if (this.#head.length < 9) return 9
    return this.#head[3] === resetFrame ? 13 : this.#head[3] === goawayFrame ? 17 : 9
  }

  #frame (head: Buffer): void {
    const type = head[3]
    if (type === resetFrame) this.call ||= `RST_STREAM ${named(head.readUInt32BE(9))}`
    else if (type === goawayFrame) this.connection ||= `GOAWAY ${named(head.readUInt32BE(13))}`
    else if (type === headersFrame && ((head[4] ?? 0) & endStream) !== 0) this.call ||= 'status'
  }
}

/** Keeps the end of what came over a WebSocket or HTTP/1.1. */
export class TextTold {
  #status = ''
  #tail = Buffer.alloc(0)

  push (chunk: Buffer): void {
    this.#status ||= /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1', 0, statusLineBytes))?.[1] ?? ''
    const joined = chunk.length >= tailBytesMax ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = Buffer.from(joined.subarray(-tailBytesMax))
  }

  get connection (): string {
    const tail = this.#tail
    for (let at = 0; at + 4 <= tail.length; at++) {
      if (tail[at] === closeFrame && tail[at + 1] === tail.length - at - 2) return `close ${tail.readUInt16BE(at + 2)}`
    }
    return this.#status === '' || this.#status === '101' ? '' : `status ${this.#status}`
  }
}
