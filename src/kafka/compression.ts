// Compresses the records of a batch, off the event loop where they are many, and only where that makes them smaller.

import { loadCodec } from './compression-codecs.ts'
import type { Codec, CodecName } from './compression-codecs.ts'

export type Compression = CodecName | 'none'

/** Below this size compressing gains less than it costs. */
const worthwhileBytes = 1_024

/** Those that were asked for: nobody pays for a library that no batch needs. */
const loaded = new Map<CodecName, Codec | undefined>()

function codecOf (name: CodecName): Codec | undefined {
  if (!loaded.has(name)) loaded.set(name, loadCodec(name))
  return loaded.get(name)
}

/** False where the library that does it has no binary for this platform; then `compress` leaves all as it is. */
export function canCompress (compression: Compression): boolean {
  return compression === 'none' || codecOf(compression) !== undefined
}

/** Compressed records, and Kafka's number of their codec. */
export interface Packed { readonly codec: number, readonly bytes: Buffer }

/** Undefined: send the records as they are. A promise where it takes time; `records` stay untouched until then. */
export function compress (
  compression: Compression, records: Buffer
): Packed | undefined | Promise<Packed | undefined> {
  if (compression === 'none' || records.length < worthwhileBytes) return undefined
  const codec = codecOf(compression)
  if (codec === undefined) return undefined
  const packed = (bytes: Buffer): Packed | undefined =>
    bytes.length < records.length ? { codec: codec.number, bytes } : undefined
  return records.length <= codec.atOnceBytes ? packed(codec.now(records)) : codec.later(records).then(packed)
}
