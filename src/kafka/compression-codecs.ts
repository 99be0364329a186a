// The codecs of Kafka's record batches: what they are called, how they are framed, and where their code comes from.

import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { constants, gzip, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib'
import type { ZlibOptions, ZstdOptions } from 'node:zlib'
import type * as Lz4 from 'lz4-napi'
import type * as Snappy from 'snappy'

export type CodecName = 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface Codec {
  /** Kafka's number of it, in the attributes of a batch. */
  readonly number: number
  /** Up to this size `now` takes about 0.1 ms, which is what it costs to hand the work to another thread and back. */
  readonly atOnceBytes: number
  now (records: Buffer): Buffer
  /** In a thread of the pool. `records` stay untouched until it resolves. */
  later (records: Buffer): Promise<Buffer>
}

/** What brings a library along: `require`, which throws where it is not installed. */
export type Load = (library: string) => unknown

// Measured by loadtest/bench/compression.bench.ts.
const slowAtOnceBytes = 16_384
const quickAtOnceBytes = 65_536

const gzipLater = promisify(gzip)
const zstdLater = promisify(zstdCompress)

/** zlib goes back to the pool for every chunk of output: one that all useful output fits into makes it one way. */
function chunkBytesFor (records: Buffer): number {
  return Math.max(1_024, records.length >> 1)
}

/** Level 6 takes three times as long as 1 and saves another tenth. */
function gzipOptions (records: Buffer): ZlibOptions {
  return { level: 1, chunkSize: chunkBytesFor(records) }
}

/** Level 3 takes twice as long as 1 and saves nothing. A known size lets readers allocate what they need at once. */
function zstdOptions (records: Buffer): ZstdOptions {
  return {
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
    chunkSize: chunkBytesFor(records),
    pledgedSrcSize: records.length
  }
}

/** The stream format of Java's snappy library: magic, its version, the oldest version that reads it. */
const xerialHeader = Buffer.from('82534e41505059000000000100000001', 'hex')

/** One block behind the header, which every reader takes: a length of 32 bits and that many bytes. */
function xerial (block: Buffer): Buffer {
  const framed = Buffer.allocUnsafeSlow(xerialHeader.length + 4 + block.length)
  xerialHeader.copy(framed)
  framed.writeInt32BE(block.length, xerialHeader.length)
  block.copy(framed, xerialHeader.length + 4)
  return framed
}

const makers: Readonly<Record<CodecName, (load: Load) => Codec>> = {
  gzip: () => ({
    number: 1,
    atOnceBytes: slowAtOnceBytes,
    now: records => gzipSync(records, gzipOptions(records)),
    later: records => gzipLater(records, gzipOptions(records))
  }),
  snappy (load) {
    const { compress, compressSync } = load('snappy') as typeof Snappy
    return {
      number: 2,
      atOnceBytes: quickAtOnceBytes,
      now: records => xerial(compressSync(records)),
      later: records => compress(records).then(xerial)
    }
  },
  // The frames have independent blocks, which Java's reader insists on.
  lz4 (load) {
    const { compressFrame, compressFrameSync } = load('lz4-napi') as typeof Lz4
    return {
      number: 3,
      atOnceBytes: quickAtOnceBytes,
      now: records => compressFrameSync(records),
      later: records => compressFrame(records)
    }
  },
  zstd: () => ({
    number: 4,
    atOnceBytes: quickAtOnceBytes,
    now: records => zstdCompressSync(records, zstdOptions(records)),
    later: records => zstdLater(records, zstdOptions(records))
  })
}

export const codecNames = Object.keys(makers) as readonly CodecName[]

/** Undefined where it is not there for this platform. */
export function loadCodec (name: CodecName, load: Load = createRequire(import.meta.url)): Codec | undefined {
  try {
    return makers[name](load)
  } catch {
    return undefined
  }
}
