// Settings of the payload-limit policy: one number of bytes.

import Type from 'typebox'
import type { Static } from 'typebox'
import { bytes } from '../../src/contract/setting.ts'

export const payloadLimitConfig = Type.Object({
  bytesMax: Type.Unsafe<number>(bytes({
    description: 'The most bytes that the data of one event may have, after decompression.',
    default: '1MiB'
  }))
}, { additionalProperties: false, description: 'Refuses events whose data is too large.' })

export type PayloadLimitConfig = Static<typeof payloadLimitConfig>
