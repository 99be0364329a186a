// What is wrong with how storms of returning devices went: the promises that hold on any machine, and bounds in time.

import type { Storm, StormReport, StormSetup } from './storm.ts'

export interface Bounds {
  /** The longest that an event of a publisher who stayed may wait for its acknowledgement. */
  readonly waitMs: number
  /** Events that Kafka holds. */
  readonly heldCount: number
}

const workersCount = 2
/** A worker lets so much of a second's connects begin at once. */
const burstShare = 0.1

function wrongWith (storm: Storm, setup: StormSetup, { waitMs }: Bounds): string[] {
  const { name, comingCount, attemptCount, busyCount, endings, aheadMost, calm, waits } = storm
  const burst = workersCount * Math.max(1, setup.connectsPerSecondMax * burstShare)
  const wrong: string[] = []
  // A worker takes its own half, more or less, with it.
  const [leastCount, stayedCount] = name === 'worker' ? [setup.devices / 5, 1] : [setup.devices, calm.stayedCount]
  if (comingCount < leastCount) wrong.push(`${comingCount} devices came, ${leastCount} should`)
  if (waits.stayedCount < stayedCount) wrong.push(`${waits.stayedCount} publishers stayed, ${stayedCount} should`)
  if (waits.ackedCount === 0) wrong.push('no event of publishers was acknowledged')
  if (waits.mostMs > waitMs) wrong.push(`an event of a publisher waited for ${waits.mostMs.toFixed(0)} ms`)
  if (aheadMost > burst) wrong.push(`${aheadMost.toFixed(0)} devices were let in ahead of the rate, ${burst} may be`)
  const cutCount = Object.entries(endings).reduce((sum, [how, count]) => how.startsWith('no ') ? sum + count : sum, 0)
  // Whoever comes while a worker dies may be cut with it; and what the system has dropped never came to the gateway.
  if (name !== 'worker' && cutCount > 0 && storm.overflowCount === 0) {
    wrong.push(`${cutCount} devices had no answer: ${JSON.stringify(endings)}`)
  }
  if (attemptCount - comingCount > busyCount + cutCount) wrong.push(`not told to come later: ${JSON.stringify(endings)}`)
  return wrong.map(what => `${name}: ${what}`)
}

/** Empty: nothing. */
export function wrongIn (report: StormReport, setup: StormSetup, bounds: Bounds): string[] {
  const { storms, ackedCount, drainedInTime } = report
  const wrong = storms.flatMap(storm => wrongWith(storm, setup, bounds))
  if (!drainedInTime) wrong.push('the gateway did not stop in time')
  if (bounds.heldCount < ackedCount) wrong.push(`Kafka holds ${bounds.heldCount} of ${ackedCount} acknowledged events`)
  return wrong
}
