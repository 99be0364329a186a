// The history checker: what was sent and told, against what Kafka or the journal holds. It decides, not eyes.

import { createHash } from 'node:crypto'

/** What a sender was told of one event. `none`: the connection broke before any answer. */
export type Told = 'written' | 'refused' | 'unknown' | 'none'

/** One event as its sender saw it. */
export interface SentEvent {
  readonly id: string
  /** Events of one stream (a connection and a key) were sent one after the other: `order` goes up by sending. */
  readonly stream: string
  readonly order: number
  readonly digest: string
  readonly told: Told
  /** Where the receipt says it is. */
  readonly partition?: number | undefined
  readonly offset?: number | undefined
  readonly position?: string | undefined
}

/** One record as a reader found it. `order` goes up by position within its partition (or journal). */
export interface StoredEvent {
  readonly id: string
  readonly digest: string
  readonly partition: number
  readonly order: number
  readonly position?: string | undefined
}

export interface HistoryReport {
  readonly sentCount: number
  readonly writtenCount: number
  readonly refusedCount: number
  readonly unknownCount: number
  /** Told written, not there. */
  readonly lost: readonly string[]
  /** There more than once. */
  readonly duplicated: readonly string[]
  /** There although refused, or although nobody sent it. */
  readonly phantom: readonly string[]
  /** Two acknowledged events of one stream that stand the wrong way round in a partition. */
  readonly reordered: readonly string[]
  /** There with other bytes than were sent. */
  readonly corrupted: readonly string[]
  /** There, but not where the receipt says. */
  readonly misplaced: readonly string[]
}

/** The digest that both sides compare. */
export function digestOf (bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('base64url')
}

function placedElsewhere (sent: SentEvent, copies: readonly StoredEvent[]): boolean {
  if (sent.position !== undefined) return !copies.some(copy => copy.position === sent.position)
  if (sent.partition === undefined || sent.offset === undefined) return false
  return !copies.some(copy => copy.partition === sent.partition && copy.order === sent.offset)
}

/** Acknowledged events of one stream and partition, in the order of sending, whose first copies go back in position. */
function reorderedIn (stream: readonly SentEvent[], stored: ReadonlyMap<string, readonly StoredEvent[]>): string[] {
  const found: string[] = []
  const last = new Map<number, number>()
  for (const sent of [...stream].sort((a, b) => a.order - b.order)) {
    const copy = stored.get(sent.id)?.[0]
    if (sent.told !== 'written' || copy === undefined) continue
    const before = last.get(copy.partition)
    if (before !== undefined && copy.order < before) found.push(sent.id)
    last.set(copy.partition, Math.max(before ?? -1, copy.order))
  }
  return found
}

/** Compares the two histories. Every list holds ids. */
export function checkHistory (sent: readonly SentEvent[], stored: readonly StoredEvent[]): HistoryReport {
  const byId = new Map<string, StoredEvent[]>()
  for (const one of stored) {
    const copies = byId.get(one.id)
    if (copies === undefined) byId.set(one.id, [one])
    else copies.push(one)
  }
  for (const copies of byId.values()) copies.sort((a, b) => a.order - b.order)
  const streams = new Map<string, SentEvent[]>()
  const known = new Map<string, SentEvent>()
  for (const one of sent) {
    if (known.has(one.id)) throw new Error(`the sender used the id ${one.id} twice: this history proves nothing`)
    known.set(one.id, one)
    const stream = streams.get(one.stream)
    if (stream === undefined) streams.set(one.stream, [one])
    else stream.push(one)
  }
  const pick = (test: (one: SentEvent, copies: readonly StoredEvent[]) => boolean): string[] =>
    sent.filter(one => test(one, byId.get(one.id) ?? [])).map(one => one.id)
  return {
    sentCount: sent.length,
    writtenCount: sent.filter(one => one.told === 'written').length,
    refusedCount: sent.filter(one => one.told === 'refused').length,
    unknownCount: sent.filter(one => one.told === 'unknown' || one.told === 'none').length,
    lost: pick((one, copies) => one.told === 'written' && copies.length === 0),
    duplicated: pick((_one, copies) => copies.length > 1),
    phantom: [
      ...pick((one, copies) => one.told === 'refused' && copies.length > 0),
      ...[...byId.keys()].filter(id => !known.has(id))
    ],
    reordered: [...streams.values()].flatMap(stream => reorderedIn(stream, byId)),
    corrupted: pick((one, copies) => copies.some(copy => copy.digest !== one.digest)),
    misplaced: pick((one, copies) => one.told === 'written' && copies.length > 0 && placedElsewhere(one, copies))
  }
}

/** How many each list of a report holds, for one line of a log. */
export function countsOf (report: HistoryReport): Record<string, number> {
  return Object.fromEntries(Object.entries(report).map(([name, value]: [string, number | readonly string[]]) =>
    [name, typeof value === 'number' ? value : value.length]))
}
