// Mends one fault of kafkajs 2.2.4: an idle connection that wakes up every millisecond, for ever.

// After its first answer each connection starts a timer to look at requests held back by a quota, whether there are
// any or not, with a negative delay (which Node 24 warns of), and the timer starts itself again. With one producer per
// topic that is a core's worth of timers. The replacement waits only while there is something to wait for.

import { createRequire } from 'node:module'

const checkMs = 10

interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests (): void
  scheduleCheckPendingRequests (): void
}

/** Idempotent. The version of kafkajs is pinned; a test asks for what this touches. */
export function repairKafkajs (): void {
  // Not part of the public interface, and kafkajs has no other way to it.
  const load = createRequire(import.meta.url)
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue }
  prototype.scheduleCheckPendingRequests = schedule
}

function schedule (this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
  const waitMs = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null
    this.checkPendingRequests()
  }, waitMs > 0 ? waitMs : checkMs)
}
