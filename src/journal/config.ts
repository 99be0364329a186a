// Settings of the journal: where it lies, how much it may hold, and how events are grouped on their way to the disk.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { bytes } from '../contract/setting.ts'

export const journalConfig = Type.Object({
  dir: Type.String({
    default: './data/journal', minLength: 1,
    description: 'Folder of the journal. One gateway at a time; relative to the working directory.'
  }),
  bytesMax: Type.Unsafe<number>(bytes({
    default: '10GiB', minimumBytes: 2_097_152,
    description: 'Bytes the folder may hold. At this cap events are refused as journal-full until segments are removed.'
  })),
  segmentBytesMax: Type.Unsafe<number>(bytes({
    default: '64MiB', minimumBytes: 1_048_576, maximumBytes: 1_073_741_824,
    description: 'Size at which one segment file ends and the next begins. Also the largest event the journal takes.'
  })),
  groupBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', minimumBytes: 4_096, maximumBytes: 67_108_864,
    description: 'Bytes of events that a worker hands to the disk at once. A larger event travels alone.'
  })),
  bufferBytesMax: Type.Unsafe<number>(bytes({
    default: '32MiB', minimumBytes: 1_048_576,
    description: 'Bytes each worker may hold that wait for the disk. Above it events are refused as overloaded.'
  })),
  retryMs: Type.Integer({
    default: 1_000, minimum: 10, maximum: 60_000,
    description: 'After a full or broken disk: time until the journal looks again, in milliseconds.'
  })
}, { additionalProperties: false, description: 'The fsync\'d log on this disk that ack level `disk` stands for.' })

export type JournalConfig = Static<typeof journalConfig>
