// Who was told what about which record, and whether that is true of the logs in the end.

import type { Outcome, Receipt, Settler } from '../../src/contract/outcome.ts'
import type { SinkRecord } from '../../src/contract/sink.ts'
import type { ReadRecord } from './batch-reader.ts'
import type { ClusterModel } from './cluster-model.ts'
import type { PartitionModel } from './partition-model.ts'
import { count } from './world.ts'
import type { World } from './world.ts'

/** How late the end of a deadline may be noticed: the sink looks every 50 ms. */
const lateMs = 60

export interface Delivery {
  readonly ticket: number
  readonly record: SinkRecord
  readonly deadlineMs: number
  outcome: Outcome | undefined
}

/** The ticket stands in the first four bytes of each value. */
export function ticketOf ({ value }: ReadRecord): number {
  return value === null || value.length < 4 ? -1 : value.readInt32BE(0)
}

export class Ledger implements Settler {
  readonly deliveries: Delivery[] = []
  readonly #cluster: ClusterModel
  readonly #world: World

  constructor (cluster: ClusterModel, world: World) {
    this.#cluster = cluster
    this.#world = world
  }

  /** A ticket for a record that is about to be delivered. */
  enter (record: SinkRecord, deadlineMs: number): Delivery {
    const delivery = { ticket: this.deliveries.length, record, deadlineMs, outcome: undefined }
    record.value?.writeInt32BE(delivery.ticket, 0)
    this.deliveries.push(delivery)
    return delivery
  }

  settle (ticket: number, outcome: Outcome): void {
    const { clock, counts, fail, note } = this.#world
    const delivery = this.deliveries[ticket]
    const word = 'code' in outcome ? outcome.code : `written at ${outcome.partition}@${outcome.offset}`
    note(() => `ticket ${ticket}: ${word}`)
    if (delivery === undefined) return fail('stranger', `ticket ${ticket} was never given out`)
    if (delivery.outcome !== undefined) return fail('settled twice', `ticket ${ticket}: ${word}`)
    delivery.outcome = outcome
    count(counts, 'code' in outcome ? outcome.code : outcome.outcome)
    const { deadlineMs } = delivery
    if (deadlineMs !== 0 && clock.nowMs() > deadlineMs + lateMs) {
      fail('late', `ticket ${ticket} was due at ${deadlineMs} and settled at ${clock.nowMs()}`)
    }
    if (!('code' in outcome)) this.#checkReceipt(delivery, outcome)
  }

  #checkReceipt ({ ticket, record }: Delivery, { id, topic, partition, offset }: Receipt): void {
    if (id !== record.id || topic !== record.topic) this.#world.fail('receipt', `ticket ${ticket} got that of ${id}`)
    if (offset === undefined) count(this.#world.counts, 'receipts without an offset')
    // An answer may have been on its way when the topic was deleted.
    const places = [...this.#cluster.archive, ...this.#cluster.partitions].filter(({ name, index }) =>
      index === partition && name.split('#')[0] === record.topic)
    const isThere = places.some(({ log }) => {
      const at = offset ?? log.records.findIndex(read => ticketOf(read) === ticket)
      const read = log.records[at]
      return read !== undefined && at < log.committedOffset && ticketOf(read) === ticket
    })
    if (!isThere) this.#world.fail('early', `ticket ${ticket} was written, but ${topic}/${partition} does not have it at ${offset}`)
  }

  /** Compares all outcomes with what the logs hold; to be called when nothing happens any more. */
  check (): void {
    for (const { ticket, outcome } of this.deliveries) {
      if (outcome === undefined) this.#world.fail('never settled', `ticket ${ticket}`)
    }
    const present = new Map<number, number>()
    for (const partition of this.#cluster.partitions) this.#checkLog(partition, present)
    // A deleted topic's records count for those who were told of them before.
    const archived = new Map<number, number>()
    for (const partition of this.#cluster.archive) this.#checkLog(partition, archived)
    for (const { ticket, record, outcome } of this.deliveries) {
      const times = present.get(ticket) ?? 0
      if (outcome?.outcome === 'written' && times === 0 && !archived.has(ticket)) {
        this.#world.fail('lost', `ticket ${ticket} was written to ${record.topic}, and is not there`)
      } else if (outcome?.outcome === 'refused' && times > 0) {
        this.#world.fail('phantom', `ticket ${ticket} was refused (${outcome.code}), and is there`)
      }
    }
  }

  #checkLog (partition: PartitionModel, present: Map<number, number>): void {
    const { fail } = this.#world
    // A topic that was made anew has forgotten its producers, and takes what comes first.
    const isRemade = partition.name.includes('#')
    const seen = new Set<number>()
    let latest = -1
    for (const [offset, read] of partition.log.records.entries()) {
      const ticket = ticketOf(read)
      const delivery = this.deliveries[ticket]
      const isHere = delivery !== undefined && partition.name.startsWith(delivery.record.topic)
      if (!isHere || !isSame(read, delivery.record)) {
        fail('corrupt', `${partition}@${offset} is not what was delivered as ticket ${ticket}`)
        continue
      }
      if (seen.has(ticket)) fail('twice', `${partition}@${offset} repeats ticket ${ticket}`)
      else if (present.has(ticket) && !isRemade) fail('twice', `${partition}@${offset}: ticket ${ticket}, also elsewhere`)
      seen.add(ticket)
      present.set(ticket, (present.get(ticket) ?? 0) + 1)
      if (delivery.outcome?.outcome !== 'written') continue
      if (ticket < latest && !isRemade) fail('order', `${partition}@${offset}: ticket ${ticket} behind ${latest}`)
      latest = Math.max(latest, ticket)
    }
  }
}

function isSame (read: ReadRecord, { key, value, headers, timestampMs }: SinkRecord): boolean {
  const same = (one: Buffer | null, other: Buffer | null): boolean =>
    one === null || other === null ? one === other : one.equals(other)
  return same(read.key, key) && same(read.value, value) && read.timestampMs === timestampMs &&
    read.headers.flat().join('\n') === headers.join('\n')
}
