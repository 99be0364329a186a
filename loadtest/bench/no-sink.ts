// A sink for measuring what stands before it: every event is written at once, and nowhere.

import type { Receipt } from '../../src/contract/outcome.ts'
import type { Sink } from '../../src/contract/sink.ts'

export const noSink: Sink = {
  ack: 'kafka',
  deliver ({ id, source, topic }, settler, ticket) {
    const receipt: Receipt =
      { outcome: 'written', id, source, ack: 'kafka', topic, partition: 0, offset: 1, journal: undefined }
    settler.settle(ticket, receipt)
  },
  health: () => ({ ready: true, reason: '' }),
  gauges: new Map(),
  drain: async () => {}
}
