// Decompresses messages: not before they are paid for, and few at a time.

import { gunzip, inflate } from 'node:zlib'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

/** Whose message it is. */
export interface Payer {
  /** True once nobody wants the message any more. */
  readonly isOver: boolean
  /** True where the bytes that it may become are reserved. */
  readonly isPaid: boolean
}

/** How messages may be compressed (PROTOCOL-HTTP2, "Message-Encoding"). */
const encodings = { gzip: gunzip, deflate: inflate } as const
export type Encoding = keyof typeof encodings

export function isEncoding (name: string): name is Encoding { return Object.hasOwn(encodings, name) }

interface Waiting {
  readonly bytes: Buffer
  readonly encoding: Encoding
  readonly payer: Payer
  readonly resolve: (message: Buffer | Refusal) => void
}

const undecodable = refuse('malformed', 'the message could not be decompressed; look at grpc-encoding')

/** At the same time, in a worker: the others wait as they came. */
const runningMax = 2
const chunkBytes = 65_536

export class Inflating {
  readonly #bytesMax: number
  #waiting: Waiting[] = []
  #runningCount = 0

  constructor (bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get waitingCount (): number { return this.#waiting.length }

  /** Never settles where its payer is over before its turn. */
  message (bytes: Buffer, encoding: Encoding, payer: Payer): Promise<Buffer | Refusal> {
    return new Promise(resolve => {
      this.#waiting.push({ bytes, encoding, payer, resolve })
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

  #begin ({ bytes, encoding, resolve }: Waiting): void {
    this.#runningCount += 1
    encodings[encoding](bytes, { maxOutputLength: this.#bytesMax, chunkSize: chunkBytes }, (error, message) => {
      this.#runningCount -= 1
      if (error === null) resolve(message)
      else resolve((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? this.#tooLarge() : undecodable)
      this.turn()
    })
  }

  #tooLarge (): Refusal {
    return refuse('too-large', `a message holds at most ${this.#bytesMax} bytes; this one has more when decompressed`)
  }
}
