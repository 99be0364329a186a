// Decides whether an MQTT load ended as it must: what its clients were told, against what Kafka holds.

import { checkHistory, countsOf, digestOf } from '../../test/support/history.ts'
import type { SentEvent, StoredEvent } from '../../test/support/history.ts'
import type { StoredRecord } from '../../test/support/kafka-client.ts'
import type { Qos } from './frames.ts'
import type { LoadResult } from './load.ts'

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>
  /** What is wrong, in words; empty where nothing is. */
  readonly faults: readonly string[]
}

/** Ids that a fault shows of all it has. */
const shownMax = 5

/** The id is read from the data: so it is the same in both versions, and nothing but the payload is trusted. */
export function storedEvents (records: readonly StoredRecord[]): StoredEvent[] {
  return records.map(({ value, partition, offset }) => ({
    id: /"id":"([^"]*)"/.exec(String(value))?.[1] ?? '', digest: digestOf(value ?? ''), partition, order: offset
  }))
}

/** QoS 0 promises nothing and tells nothing: of what is there the order and the bytes are checked. */
function asIfTold (sent: readonly SentEvent[], stored: readonly StoredEvent[]): SentEvent[] {
  const held = new Set(stored.map(({ id }) => id))
  return sent.map(one => held.has(one.id) ? { ...one, told: 'written' } : one)
}

/** What is wrong with the answers alone. */
function answerFaults (qos: Qos, { tally, sent }: LoadResult): string[] {
  const { brokenCount, refusedCount, misorderedCount, strayCount, reasons } = tally
  const untold = qos === 0 ? [] : sent.filter(({ told }) => told === 'none')
  const numbers = Object.entries({
    'without an answer': untold.length, 'refused': refusedCount, 'acknowledged out of order': misorderedCount,
    'answers to nothing': strayCount, [`connections broken (${reasons.join('; ')})`]: brokenCount
  })
  return numbers.filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}`)
}

/**
 * Without `stored` only the answers are judged. An event may be there twice only where it was sent again at QoS 1, or
 * where connections broke, because a session of QoS 2 may have gone with them.
 */
export function judge (qos: Qos, result: LoadResult, stored?: readonly StoredEvent[]): Verdict {
  const { tally, sent } = result
  const faults = answerFaults(qos, result)
  if (sent.length === 0) faults.push('nothing was sent')
  if (stored === undefined) return { counts: { sentCount: sent.length }, faults }
  const report = checkHistory(qos === 0 ? asIfTold(sent, stored) : sent, stored)
  const { lost, duplicated, phantom, reordered, corrupted } = report
  const mayRepeat = tally.resentCount > 0 && (qos === 1 || tally.brokenCount > 0)
  const lists = Object.entries({ lost, duplicated: mayRepeat ? [] : duplicated, phantom, reordered, corrupted })
  for (const [name, ids] of lists) {
    if (ids.length > 0) faults.push(`${name}: ${ids.length}, ${ids.slice(0, shownMax).join(', ')}`)
  }
  return { counts: { ...countsOf(report), heldCount: new Set(stored.map(({ id }) => id)).size }, faults }
}
