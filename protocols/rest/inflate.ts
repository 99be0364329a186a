// Undoes one Content-Encoding under two limits, size and ratio: at once for small bodies, as a stream for the others.

import { brotliDecompressSync, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Transform } from 'node:stream'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Holder, Intake } from './body.ts'

interface Codec {
  readonly atOnce: (body: Buffer, options: { maxOutputLength: number }) => Buffer
  readonly stream: () => Transform
}

const codecs = {
  gzip: { atOnce: gunzipSync, stream: createGunzip },
  deflate: { atOnce: inflateSync, stream: createInflate },
  br: { atOnce: brotliDecompressSync, stream: createBrotliDecompress },
  zstd: { atOnce: zstdDecompressSync, stream: createZstdDecompress }
} as const satisfies Record<string, Codec>

export type Coding = keyof typeof codecs | 'identity'

/** What a 415 puts into `Accept-Encoding` (RFC 9110 section 12.5.3). */
export const acceptedCodings = [...Object.keys(codecs), 'identity'].join(', ')

/** Below this size no ratio is looked at: a small body that grows is no danger. */
const ratioFromBytes = 65_536

/** The coding that a Content-Encoding names; undefined where it is unknown or more than one. */
export function codingOf (contentEncoding: string): Coding | undefined {
  const name = contentEncoding.trim().toLowerCase()
  if (name === 'identity') return name
  if (name === 'x-gzip') return 'gzip'
  return Object.hasOwn(codecs, name) ? name as Coding : undefined
}

export interface InflateLimits { readonly decompressedBytesMax: number, readonly decompressionRatioMax: number }

/** What may become of `sentBytes`, in bytes. */
function allowedBytes (sentBytes: number, { decompressedBytesMax, decompressionRatioMax }: InflateLimits): number {
  return Math.min(decompressedBytesMax, Math.max(ratioFromBytes, sentBytes * decompressionRatioMax))
}

function tooLarge (limits: InflateLimits): Refusal {
  const { decompressedBytesMax, decompressionRatioMax } = limits
  return refuse('too-large', `the decompressed body is above ${decompressedBytesMax} bytes ` +
    `or ${decompressionRatioMax} times as large as it was sent; send less at once`)
}

const broken = refuse('malformed', 'the body is not what its Content-Encoding says, or it is cut off')

/** Inflates a whole body. */
export function inflate (body: Buffer, coding: keyof typeof codecs, limits: InflateLimits): Buffer | Refusal {
  try {
    return codecs[coding].atOnce(body, { maxOutputLength: allowedBytes(body.length, limits) })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    return code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(limits) : broken
  }
}

interface Inflating extends Holder {
  readonly limits: InflateLimits
  pause (): void
  resume (): void
}

/** A holder that inflates the collected body before it hands it on, and reserves what it became. */
export function inflatingHolder (holder: Inflating, coding: keyof typeof codecs): Holder {
  return {
    reserve: bytes => holder.reserve(bytes),
    refuse: refusal => { holder.refuse(refusal) },
    complete: body => {
      const inflated = inflate(body ?? Buffer.alloc(0), coding, holder.limits)
      if (!Buffer.isBuffer(inflated)) return holder.refuse(inflated)
      const refusal = holder.reserve(inflated.length)
      if (refusal !== undefined) return holder.refuse(refusal)
      holder.complete(inflated.length === 0 ? null : inflated)
    }
  }
}

/** Inflates chunk by chunk into another intake, which reserves what comes out. */
export class Inflater implements Intake {
  readonly #holder: Inflating
  readonly #target: Intake
  readonly #codec: Transform
  /** Infinity for streams of lines: their size has no limit, only their ratio. */
  readonly #bytesMax: number
  #sentBytes = 0
  #inflatedBytes = 0
  #over = false

  constructor (holder: Inflating, coding: keyof typeof codecs, target: Intake) {
    this.#holder = holder
    this.#target = target
    this.#bytesMax = target.fail === undefined ? holder.limits.decompressedBytesMax : Infinity
    this.#codec = codecs[coding].stream()
    this.#codec.on('data', (bytes: Buffer) => { this.#inflated(bytes) })
    this.#codec.on('end', () => { if (!this.#over) this.#finish() })
    this.#codec.on('error', () => { this.fail(broken) })
    this.#codec.on('drain', () => { if (!this.#over) holder.resume() })
  }

  take (bytes: Buffer): void {
    if (this.#over) return
    this.#sentBytes += bytes.length
    if (!this.#codec.write(bytes)) this.#holder.pause()
  }

  #inflated (bytes: Buffer): void {
    if (this.#over) return
    this.#inflatedBytes += bytes.length
    const limits = { ...this.#holder.limits, decompressedBytesMax: this.#bytesMax }
    if (this.#inflatedBytes > allowedBytes(this.#sentBytes, limits)) return this.fail(tooLarge(this.#holder.limits))
    this.#target.take(bytes)
  }

  fail (refusal: Refusal): void {
    if (this.#over) return
    this.#over = true
    this.#codec.destroy()
    if (this.#target.fail !== undefined) return this.#target.fail(refusal)
    this.#target.abort()
    this.#holder.refuse(refusal)
  }

  #finish (): void {
    this.#over = true
    this.#target.end()
  }

  end (): void {
    if (!this.#over) this.#codec.end()
  }

  abort (): void {
    this.#over = true
    this.#codec.destroy()
    this.#target.abort()
  }

  /** Holds back what is inflated; the request follows when the codec is full. */
  pause (): void { this.#codec.pause() }
  resume (): void { this.#codec.resume() }

  sweep (tick: number): void { this.#target.sweep?.(tick) }
  drain (): void { this.#target.drain?.() }
}
