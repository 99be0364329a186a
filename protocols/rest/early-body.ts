// Reads a body before its sender is known, for whoever checks a signature over it; what was read is read once only.

import type { Peer } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Flow, Intake } from './body.ts'
import type { Door } from './door.ts'
import type { Head } from './head.ts'

/** The request whose body it is. */
export interface Unproven {
  readonly door: Door
  readonly peer: Peer
  readonly head: Head
  readonly hasBody: boolean
  /** Starts to read the body into `intake`. */
  read (intake: Intake, phase: 'reading'): void
  /** Stops to read: who sends is to be found out before anything else. */
  ask (): void
}

const cutOff = refuse('malformed', 'the body was not sent to its end')
const spent = refuse('internal', 'the body has been passed on already')
const noBytes = Buffer.alloc(0)

/** Holds at most `bytesMax`, all of it reserved under the pre-auth budget until it is played or dropped. */
export class EarlyBody implements Intake {
  /** The body as it was sent, or why it could not be read. */
  result: Promise<Buffer | Refusal>
  readonly #request: Unproven
  readonly #bytesMax: number
  readonly #resolve: (found: Buffer | Refusal) => void
  #pieces: Buffer[] = []
  #bytes = 0
  #reservedBytes = 0
  #begun = false
  #found: Buffer | Refusal | undefined

  constructor (request: Unproven, bytesMax: number) {
    this.#request = request
    this.#bytesMax = bytesMax
    const { promise, resolve } = Promise.withResolvers<Buffer | Refusal>()
    this.result = promise
    this.#resolve = resolve
  }

  /** Reads nothing where the announced length is refused. */
  start (): this {
    const { head: { contentLength }, hasBody } = this.#request
    const refusal = contentLength === undefined ? undefined : this.#reserve(contentLength, contentLength)
    if (refusal !== undefined) this.#settle(refusal)
    else if (!hasBody) this.#settle(noBytes)
    else {
      this.#begun = true
      this.#request.read(this, 'reading')
    }
    return this
  }

  /** `allBytes` are those of the body so far, `bytes` the ones to be taken for it now. */
  #reserve (bytes: number, allBytes: number): Refusal | undefined {
    if (allBytes > this.#bytesMax) {
      return refuse('too-large', `the body is above ${this.#bytesMax} bytes, which is as much as is read before its ` +
        'sender is known; send less at once')
    }
    const { door, peer } = this.#request
    const refusal = bytes === 0 ? undefined : door.ingress.reservePreAuth(bytes, peer)
    if (refusal === undefined) this.#reservedBytes += bytes
    return refusal
  }

  #settle (found: Buffer | Refusal): void {
    if (this.#found !== undefined) return
    this.#found = found
    this.#pieces = []
    if (isRefusal(found)) this.#release()
    this.#resolve(found)
  }

  #release (): void {
    const bytes = this.#reservedBytes
    this.#reservedBytes = 0
    const { door, peer } = this.#request
    if (bytes > 0) door.ingress.releasePreAuth(bytes, peer)
  }

  take (bytes: Buffer): void {
    if (this.#found !== undefined) return
    this.#bytes += bytes.length
    const announced = this.#request.head.contentLength !== undefined
    const refusal = announced ? undefined : this.#reserve(bytes.length, this.#bytes)
    if (refusal === undefined) return void this.#pieces.push(bytes)
    this.#request.ask()
    this.#settle(refusal)
  }

  end (): void {
    if (this.#found !== undefined) return
    const [first = noBytes] = this.#pieces
    const body = this.#pieces.length > 1 ? Buffer.concat(this.#pieces, this.#bytes) : first
    this.#request.ask()
    this.#settle(body)
  }

  abort (): void { this.#settle(cutOff) }

  /** The request is over. */
  drop (): void {
    this.abort()
    this.#release()
  }

  /** Why the body cannot be played, where a part of it was read. */
  get spoiled (): Refusal | undefined {
    return this.#begun && isRefusal(this.#found) ? this.#found : undefined
  }

  /** What gives the body to whoever would have read it; undefined where nothing of it has been read. */
  play (intake: Intake): Replay | undefined {
    const found = this.#found
    if (!this.#begun || found === undefined || isRefusal(found)) return undefined
    // Nothing here may keep bytes that are another budget's now.
    this.#found = spent
    this.result = Promise.resolve(spent)
    return new Replay(intake, found, () => { this.#release() })
  }
}

/** A whole body as one chunk and an end, which waits where the chunk was too much at once. */
export class Replay implements Flow {
  readonly #intake: Intake
  readonly #taken: () => void
  #body: Buffer
  #held = false
  #over = false

  constructor (intake: Intake, body: Buffer, taken: () => void) {
    this.#intake = intake
    this.#body = body
    this.#taken = taken
  }

  run (): void {
    const body = this.#body
    this.#body = noBytes
    if (body.length > 0) this.#intake.take(body)
    this.#taken()
    this.#finish()
  }

  pause (): void { this.#held = true }

  resume (): void {
    if (!this.#held) return
    this.#held = false
    // As a stream does: not within the call that lets it go on.
    process.nextTick(() => { this.#finish() })
  }

  #finish (): void {
    if (this.#held || this.#over) return
    this.#over = true
    this.#intake.end()
  }
}
