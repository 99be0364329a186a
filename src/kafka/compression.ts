// Compresses the records of a batch, off the event loop where they are many, and only where that makes them smaller.

import { promisify } from 'node:util'
import { constants, gzip, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib'
import type { ProducerSettings } from './config.ts'

type Compressed = Exclude<ProducerSettings['compression'], 'none'>

interface Codec {
  /** Kafka's number of it, in the attributes of a batch. */
  readonly number: number
  now (records: Buffer): Buffer
  later (records: Buffer): Promise<Buffer>
}

/** Below this size compressing gains less than it costs. */
const worthwhileBytes = 1_024
/** Up to this size it takes well under a millisecond, less than handing it to another thread and back is worth. */
const atOnceBytes = 16_384

const gzipLater = promisify(gzip)
const zstdLater = promisify(zstdCompress)
const gzipOptions = { level: 1 }
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

const codecs: Readonly<Record<Compressed, Codec>> = {
  gzip: {
    number: 1, now: records => gzipSync(records, gzipOptions), later: records => gzipLater(records, gzipOptions)
  },
  zstd: {
    number: 4, now: records => zstdCompressSync(records, zstdOptions), later: records => zstdLater(records, zstdOptions)
  }
}

/** Compressed records, and Kafka's number of their codec. */
export interface Packed { readonly codec: number, readonly bytes: Buffer }

/** Undefined: send the records as they are. A promise where it takes time; `records` stay untouched until then. */
export function compress (
  compression: ProducerSettings['compression'], records: Buffer
): Packed | undefined | Promise<Packed | undefined> {
  if (compression === 'none' || records.length < worthwhileBytes) return undefined
  const { number, now, later } = codecs[compression]
  const packed = (bytes: Buffer): Packed | undefined =>
    bytes.length < records.length ? { codec: number, bytes } : undefined
  return records.length <= atOnceBytes ? packed(now(records)) : later(records).then(packed)
}
