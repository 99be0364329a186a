// The payload-limit policy: refuses every event whose data has more bytes than the operator allows on its route.

import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import { payloadLimitConfig } from './config.ts'
import type { PayloadLimitConfig } from './config.ts'

export const payloadLimit: JudgeModule<PayloadLimitConfig> = {
  name: 'payload-limit',
  kind: 'judge',
  scope: 'event',
  config: payloadLimitConfig,

  create ({ config: { bytesMax } }) {
    return {
      judge ({ data }) {
        if (data === null || data.length <= bytesMax) return undefined
        return refuse('too-large',
          `the data of this event has ${data.length} bytes and the limit here is ${bytesMax}; send smaller events`)
      }
    }
  }
}
