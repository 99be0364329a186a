// Adds the records to produce requests of one connection, sees which left, and reads what the broker answered.

// kafkajs rejects `send` with whatever failed last, which may be the metadata refresh after a lost produce answer.
// Whether a batch may have been written is decided here instead: by the bytes that went out and the error code that
// came back.
// Layouts: Produce v3 to v7 (the highest that kafkajs speaks), one topic and one partition per request, and in it one
// record batch (KIP-98), whose records stand at the very end of the request.

import { crc32c } from '../crc32c.ts'

const produceKey = 0
/** Length, API key, API version, correlation id. */
const clientIdAt = 12

/** One try to write one batch. */
export interface Attempt {
  /** The encoded records; undefined where the request has them already. */
  payload (): Buffer | undefined
  /** Asked right before the request is given to the socket. False keeps it back; after true it may be written. */
  mayWrite (): boolean
  /** The broker's answer: its error code (0: written) and the offset of the first record (-1: not known). */
  answered (code: number, baseOffset: number): void
}

/** Thrown into kafkajs in place of writing a request that was recalled. */
export class RecalledError extends Error {}

/** Watches the bytes of one connection of one topic's producer. */
export class ProduceTap {
  readonly #attempts: ReadonlyMap<number, Attempt | undefined>
  /** One or two. A Map would keep them from the quick collector of new objects. */
  readonly #pending: { readonly correlationId: number, readonly attempt: Attempt }[] = []
  readonly #head: Buffer
  readonly #size = Buffer.alloc(4)
  /** Bytes of the length field that have arrived. */
  #sizeBytes = 0
  /** Bytes of the current answer that have arrived, and that it has. */
  #seenBytes = 0
  #frameBytes = 0
  /** Requests without an answer. */
  unansweredCount = 0

  /** `attempts` holds the attempt that is under way for each partition. */
  constructor (topic: string, attempts: ReadonlyMap<number, Attempt | undefined>) {
    this.#attempts = attempts
    // Correlation id, topic count, topic, partition count, partition, error code, base offset.
    this.#head = Buffer.alloc(4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4 + 2 + 8)
  }

  /** Before a request goes out; throws where it must not. Gives bytes that have to follow it. */
  request (bytes: Buffer): Buffer | undefined {
    let payload: Buffer | undefined
    if (bytes.length > clientIdAt && bytes.readInt16BE(4) === produceKey) {
      const partitionAt = findPartition(bytes)
      const attempt = partitionAt === -1 ? undefined : this.#attempts.get(bytes.readInt32BE(partitionAt))
      if (attempt === undefined || !attempt.mayWrite()) throw new RecalledError('the batch was recalled')
      this.#pending.push({ correlationId: bytes.readInt32BE(8), attempt })
      payload = attempt.payload()
      if (payload !== undefined) announce(bytes, partitionAt, payload)
    }
    this.unansweredCount++
    return payload
  }

  /** After bytes came in, in any pieces. */
  received (bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#sizeBytes < 4) {
        this.#size[this.#sizeBytes++] = bytes[at++] ?? 0
        if (this.#sizeBytes < 4) continue
        this.#frameBytes = this.#size.readInt32BE(0)
        this.#seenBytes = 0
      } else {
        const end = Math.min(bytes.length, at + this.#frameBytes - this.#seenBytes)
        if (this.#seenBytes < this.#head.length) bytes.copy(this.#head, this.#seenBytes, at, end)
        this.#seenBytes += end - at
        at = end
      }
      if (this.#seenBytes >= this.#frameBytes) this.#answer()
    }
  }

  #answer (): void {
    this.#sizeBytes = 0
    if (this.unansweredCount > 0) this.unansweredCount--
    const head = this.#head
    const correlationId = head.readInt32BE(0)
    const at = this.#pending.findIndex((each) => each.correlationId === correlationId)
    const attempt = this.#pending[at]?.attempt
    if (attempt === undefined) return
    this.#pending.splice(at, 1)
    // A shorter answer is none that could be understood: the attempt then ends without one.
    if (this.#frameBytes < head.length) return
    attempt.answered(head.readInt16BE(head.length - 10), Number(head.readBigInt64BE(head.length - 8)))
  }
}

/** Where the partition of a produce request stands; -1 where the layout is not the expected one. */
function findPartition (bytes: Buffer): number {
  let at = clientIdAt
  at += 2 + Math.max(bytes.readInt16BE(at), 0)
  at += 2 + Math.max(bytes.readInt16BE(at), 0)
  at += 2 + 4
  if (bytes.readInt32BE(at) !== 1) return -1
  at += 4
  at += 2 + Math.max(bytes.readInt16BE(at), 0)
  if (bytes.readInt32BE(at) !== 1) return -1
  return at + 4
}

// From the partition on: the size of the record set, and in the batch its own size, its checksum and what that covers.
const setSizeAt = 4
const batchSizeAt = 16
const checksumAt = 25
const coveredAt = 29

/** Makes room for records in the sizes and the checksum of a request that ends before them. */
function announce (bytes: Buffer, partitionAt: number, payload: Buffer): void {
  for (const at of [0, partitionAt + setSizeAt, partitionAt + batchSizeAt]) {
    bytes.writeInt32BE(bytes.readInt32BE(at) + payload.length, at)
  }
  const head = crc32c(bytes.subarray(partitionAt + coveredAt), 0)
  bytes.writeUInt32BE(crc32c(payload, head), partitionAt + checksumAt)
}
