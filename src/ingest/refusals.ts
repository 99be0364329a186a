// Refusals that the pipeline makes itself: no room for an event, or a fault on its way.

import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

export const tooMany = refuse('overloaded', 'too many events are in flight in this gateway; send again later', {
  retryAfterMs: 1_000
})
export const failed = refuse('internal', 'a fault of this gateway; its log tells the operator more')
export const moved: Refusal = {
  ...refuse('internal', 'a policy of this route failed; the operator\'s log says which'), outcome: 'refused'
}
