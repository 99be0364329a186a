// Undoes the codecs of record batches in tests, strictly, and lets the kafkajs consumer of the rig read them all.

import kafkajs from 'kafkajs'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { decompressFrameSync } from 'lz4-napi'
import { uncompressSync } from 'snappy'
import type { CodecName } from '../../src/kafka/compression-codecs.ts'

const { CompressionCodecs, CompressionTypes } = kafkajs

export const xerialHeader = Buffer.from('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01', 'latin1')

/** Reads Java's snappy stream; throws where its bytes are not exactly that. */
function readXerial (bytes: Buffer): Buffer {
  if (!bytes.subarray(0, 16).equals(xerialHeader)) throw new Error('not the header')
  const blocks: Buffer[] = []
  for (let at = 16; at < bytes.length;) {
    const end = at + 4 + bytes.readInt32BE(at)
    if (end > bytes.length) throw new Error('a block is cut off')
    blocks.push(uncompressSync(bytes.subarray(at + 4, end)) as Buffer)
    at = end
  }
  return Buffer.concat(blocks)
}

export const decoders: Readonly<Record<CodecName, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync, snappy: readXerial, lz4: decompressFrameSync, zstd: zstdDecompressSync
}

/** kafkajs itself reads gzip only, and the rig has taught it zstd. */
export function teachKafkajs (): void {
  for (const [name, type] of [['snappy', CompressionTypes.Snappy], ['lz4', CompressionTypes.LZ4]] as const) {
    CompressionCodecs[type] = () => ({
      async compress () { throw new Error('the rig only reads') },
      decompress: async (bytes: Buffer) => decoders[name](bytes)
    })
  }
}
