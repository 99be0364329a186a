// One topic: what is known of its partitions, its lanes, and the producer they share.

import { refuse } from '../../contract/outcome.ts'
import type { Refusal } from '../../contract/outcome.ts'
import { backoffMs } from '../backoff.ts'
import { answerOf, problemOf } from '../classify.ts'
import type { ProducerSettings } from '../config.ts'
import type { OperatorLog } from '../operator-log.ts'
import { StickyPartition, partitionOfKey } from '../partitioner.ts'
import { unavailable } from '../refusals.ts'
import type { Entry, Ledger } from './batch.ts'
import { NotConnectedError } from './connection.ts'
import type { Connection } from './connection.ts'
import type { Driver, ProducerLink, Sent } from './driver.ts'
import { Lane } from './lane.ts'
import type { LaneHost } from './lane.ts'
import type { Linger } from './linger.ts'
import { RecalledError } from './produce-tap.ts'
import { Turns } from './turns.ts'

/** How long a topic that Kafka does not have, or denies, is refused without asking again. */
const absentMs = 1_000
/** After this time the partitions of a topic in use are looked up again. */
const refreshMs = 60_000
/** Least time between two look-ups, in milliseconds. */
const askMs = 250

export interface Counts { retries: number, identitiesRetired: number }

export interface TopicOptions {
  readonly driver: Driver
  readonly connection: Connection
  readonly ledger: Ledger
  readonly log: OperatorLog
  readonly settings: ProducerSettings
  readonly linger: Linger
  readonly counts: Counts
}

export class Topic implements LaneHost {
  readonly name: string
  readonly ledger: Ledger
  readonly batchBytesMax: number
  readonly deliveryTimeoutMs: number
  readonly #options: TopicOptions
  readonly #lanes = new Map<number, Lane>()
  readonly #turns = new Turns()
  readonly #sticky: StickyPartition
  /** How many batches use an identity. The present one may have none; a retired one closes when it has none. */
  readonly #links = new Map<ProducerLink, number>()
  #link: ProducerLink | undefined
  #leaders: readonly number[] = []
  /** Records that came before the partitions were known. */
  #waiting: Entry[] = []
  #absent: Refusal | undefined
  #askedAtMs = -Infinity
  #asking = false
  #askTimer: NodeJS.Timeout | undefined
  #askFailureCount = 0
  #closed = false
  usedAtMs = 0

  constructor (name: string, options: TopicOptions) {
    this.name = name
    this.ledger = options.ledger
    this.batchBytesMax = options.settings.batchBytesMax
    this.deliveryTimeoutMs = options.settings.deliveryTimeoutMs
    this.#options = options
    this.#sticky = new StickyPartition(options.settings.batchBytesMax)
  }

  get laneCount (): number { return this.#lanes.size }
  get inFlightCount (): number { return this.#turns.heldCount }

  /** True where nothing would be lost by forgetting this topic. */
  get idle (): boolean {
    if (this.#waiting.length > 0 || this.#asking) return false
    for (const lane of this.#lanes.values()) if (!lane.idle) return false
    return true
  }

  deliver (entry: Entry): void {
    const { length } = this.#leaders
    if (length > 0) {
      const { key } = entry.record
      this.#lane(key === null ? this.#sticky.take(entry.bytes) : partitionOfKey(key, length)).push(entry)
    } else if (this.#absent !== undefined && performance.now() - this.#askedAtMs < absentMs) {
      this.#refuse([entry], this.#absent)
    } else {
      this.#waiting.push(entry)
      this.ledger.queuedCount++
      this.#ask()
    }
  }

  sweep (nowMs: number): void {
    for (const lane of this.#lanes.values()) lane.sweep(nowMs)
    const isOver = ({ deadlineMs }: Entry): boolean => deadlineMs !== 0 && deadlineMs <= nowMs
    if (this.#waiting.some(isOver)) {
      const over = this.#waiting.filter(isOver)
      this.#waiting = this.#waiting.filter((entry) => !isOver(entry))
      this.ledger.queuedCount -= over.length
      this.#refuse(over, unavailable)
    }
    const inUse = this.#leaders.length > 0 && nowMs - this.usedAtMs < refreshMs
    if (inUse && nowMs - this.#askedAtMs > refreshMs) this.#ask()
  }

  /** Settles everything and closes its connections. */
  async close (refusal: Refusal): Promise<void> {
    this.#closed = true
    clearTimeout(this.#askTimer)
    for (const lane of this.#lanes.values()) lane.close(refusal)
    this.#refuseWaiting(refusal)
    await Promise.all([...this.#links.keys()].map((link) => link.close()))
  }

  producer (): ProducerLink {
    this.#link ??= this.#options.driver.openProducer(this.name)
    this.#links.set(this.#link, (this.#links.get(this.#link) ?? 0) + 1)
    return this.#link
  }

  release (link: ProducerLink): void {
    this.#links.set(link, (this.#links.get(link) ?? 1) - 1)
    this.#closeUnused(link)
  }

  retire (link: ProducerLink, why: string): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#options.counts.identitiesRetired++
    this.#options.log.warn('retired', { topic: this.name, why }, 'a producer id of Kafka was given up for a new one')
    this.#closeUnused(link)
  }

  turn (lane: Lane): void {
    this.#turns.ask(lane, this.#leaders[lane.partition] ?? -1)
  }

  turnOver (lane: Lane): void {
    this.#turns.over(lane)
  }

  linger (lane: Lane): void {
    this.#options.linger.add(lane)
  }

  failed (lane: Lane, sent: Exclude<Sent, { kind: 'written' }>): void {
    if (sent.error instanceof RecalledError || this.#closed) return
    const { log, counts, connection } = this.#options
    const where = { topic: this.name, partition: lane.partition }
    counts.retries++
    if (sent.kind === 'answered') {
      const { name, action, stale } = answerOf(sent.code)
      log.warn(`answer ${name}`, { ...where, code: sent.code, error: name, action }, 'Kafka did not take a batch')
      if (stale) this.#askSoon()
      return
    }
    const { cause, text, disconnected } = problemOf(sent.error)
    log.warn(`send ${cause}`, { ...where, cause, reason: text, mayBeWritten: sent.kind === 'unanswered' },
      'a batch could not be sent to Kafka')
    if (disconnected) connection.doubt()
    this.#askSoon()
  }

  #lane (partition: number): Lane {
    let lane = this.#lanes.get(partition)
    if (lane === undefined) {
      lane = new Lane(partition, this)
      this.#lanes.set(partition, lane)
    }
    return lane
  }

  #closeUnused (link: ProducerLink): void {
    if (link === this.#link || (this.#links.get(link) ?? 0) > 0) return
    this.#links.delete(link)
    void link.close()
  }

  #askSoon (): void {
    if (this.#asking || this.#askTimer !== undefined || this.#closed) return
    this.#askLater(Math.max(0, this.#askedAtMs + askMs - performance.now()))
  }

  #askLater (waitMs: number): void {
    this.#askTimer = setTimeout(() => {
      this.#askTimer = undefined
      this.#ask()
    }, waitMs)
  }

  #ask (): void {
    if (this.#asking || this.#closed || this.#askTimer !== undefined) return
    this.#asking = true
    this.#options.connection.leaders(this.name).then(
      (leaders) => this.#found(leaders),
      (error: unknown) => this.#notFound(error)
    )
  }

  #found (leaders: readonly number[]): void {
    this.#asked()
    if (leaders.length === 0) {
      this.#notFound(new Error('the topic has no partitions'))
      return
    }
    this.#askFailureCount = 0
    this.#absent = undefined
    const before = this.#leaders.length
    this.#leaders = leaders
    const led = leaders.flatMap((leader, partition) => leader >= 0 ? [partition] : [])
    this.#sticky.offer(led.length > 0 ? led : leaders.map((_, partition) => partition))
    if (before > 0 && before !== leaders.length && this.#link !== undefined) {
      // The producer looks at its own list of partitions, which it renews too rarely.
      this.retire(this.#link, 'the number of partitions changed')
    }
    for (const lane of this.#lanes.values()) if (lane.partition >= leaders.length) lane.refuseUnsent(unavailable)
    const waiting = this.#waiting
    this.#waiting = []
    this.ledger.queuedCount -= waiting.length
    for (const entry of waiting) this.deliver(entry)
  }

  #notFound (error: unknown): void {
    this.#asked()
    const { log, connection } = this.#options
    const { cause, text, refusal, disconnected } = problemOf(error)
    // While there is no connection at all, `Connection` says so.
    if (!(error instanceof NotConnectedError)) {
      log.warn(`topic ${cause}`, { topic: this.name, cause, reason: text }, 'a topic could not be looked up at Kafka')
    }
    if (refusal !== undefined) {
      this.#gone(refuse(refusal.code, refusal.detail))
      return
    }
    if (disconnected) connection.doubt()
    if (this.#waiting.length > 0 || !this.idle) this.#askLater(backoffMs(++this.#askFailureCount))
  }

  #asked (): void {
    this.#asking = false
    this.#askedAtMs = performance.now()
  }

  /** Kafka does not have the topic, or not for us. What may be written goes on being tried. */
  #gone (refusal: Refusal): void {
    this.#absent = refusal
    this.#leaders = []
    this.#askFailureCount = 0
    if (this.#link !== undefined) this.retire(this.#link, 'the topic is gone')
    for (const lane of this.#lanes.values()) lane.refuseUnsent(refusal)
    this.#refuseWaiting(refusal)
  }

  #refuseWaiting (refusal: Refusal): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.ledger.queuedCount -= waiting.length
    this.#refuse(waiting, refusal)
  }

  #refuse (entries: readonly Entry[], refusal: Refusal): void {
    for (const entry of entries) this.ledger.free(entry.bytes)
    for (const entry of entries) this.ledger.settle(entry, refusal)
  }
}
