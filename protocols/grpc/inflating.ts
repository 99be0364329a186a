// Decompresses messages: not before they are paid for, and few at a time.

import { gunzip, inflate } from 'node:zlib'

/** Whose message it is. */
export interface Payer {
  /** True once nobody wants the message any more. */
  readonly isOver: boolean
  /** True where the bytes that it may become are reserved. */
  readonly isPaid: boolean
}

/** What a call fails with: a status code and words. */
export interface Failure { readonly code: number, readonly details: string }

interface Waiting {
  readonly bytes: Buffer
  readonly encoding: string
  readonly payer: Payer
  readonly resolve: (message: Buffer) => void
  readonly reject: (failure: Failure) => void
}

/** At the same time, in a worker: the others wait as they came. */
const runningMax = 2
const chunkBytes = 65_536
const status = { resourceExhausted: 8, unimplemented: 12, internal: 13 } as const

export class Inflating {
  readonly #bytesMax: number
  #waiting: Waiting[] = []
  #runningCount = 0

  constructor (bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get waitingCount (): number { return this.#waiting.length }

  /** Rejects with a `Failure`. Never settles where its payer is over before its turn. */
  message (bytes: Buffer, encoding: string, payer: Payer): Promise<Buffer> {
    if (encoding === 'identity') return Promise.resolve(bytes)
    return new Promise((resolve, reject) => {
      if (encoding !== 'gzip' && encoding !== 'deflate') {
        reject({ code: status.unimplemented, details: `no message is compressed by "${encoding}" here` })
        return
      }
      this.#waiting.push({ bytes, encoding, payer, resolve, reject })
      this.turn()
    })
  }

  /** Begins with whoever may by now. */
  turn (): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter(one => {
      if (one.payer.isOver) return false
      if (this.#runningCount >= runningMax || !one.payer.isPaid) return true
      this.#begin(one)
      return false
    })
  }

  #begin ({ bytes, encoding, resolve, reject }: Waiting): void {
    this.#runningCount += 1
    const done = (error: NodeJS.ErrnoException | null, message: Buffer): void => {
      this.#runningCount -= 1
      if (error === null) resolve(message)
      else if (error.code === 'ERR_BUFFER_TOO_LARGE') {
        reject({ code: status.resourceExhausted, details: `the message has more than ${this.#bytesMax} bytes when decompressed` })
      } else reject({ code: status.internal, details: 'the message could not be decompressed' })
      this.turn()
    }
    const options = { maxOutputLength: this.#bytesMax, chunkSize: chunkBytes }
    if (encoding === 'gzip') gunzip(bytes, options, done)
    else inflate(bytes, options, done)
  }
}
