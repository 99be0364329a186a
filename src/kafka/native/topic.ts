// One topic: what is known of its partitions and their leaders, its lanes, and the records that wait to know.

import type { Refusal, Settler } from '../../contract/outcome.ts'
import { refuse } from '../../contract/outcome.ts'
import { approximateBytes } from '../../contract/record.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import type { TopicMetadata } from '../broker-link.ts'
import { answerOf, problemOf } from '../classify.ts'
import type { Problem } from '../classify.ts'
import { KafkaError } from '../kafka-error.ts'
import { StickyPartition, partitionOfKey } from '../partitioner.ts'
import { overloaded, unavailable } from '../refusals.ts'
import { Lane } from './lane.ts'
import type { LaneHost } from './lane.ts'

/** How long a topic that Kafka does not have, or denies, is refused without asking again. */
const absentMs = 1_000
/** After this time the partitions of a topic in use are looked up again. */
const refreshMs = 60_000
/** How soon a topic is looked up again some of whose partitions have no leader. */
const leaderlessMs = 250

/** When to come back where a record that waited for its partitions finds no room. */
const noRoomMs = 1_000

export interface TopicHost extends LaneHost {
  lookUp (topic: string): void
  /** Says who leads a lane. */
  assign (lane: Lane, leader: number): void
  /** Told, for the operator, why a topic cannot be written to. */
  absent (topic: string, problem: Problem): void
}

/** A record that came before the partitions were known. */
interface Waiting {
  readonly record: SinkRecord
  readonly settler: Settler
  readonly ticket: number
  readonly deadlineMs: number
  readonly bytes: number
}

export class Topic {
  readonly name: string
  /** On the sink's clock. */
  usedAtMs = 0
  readonly #host: TopicHost
  readonly #sticky: StickyPartition
  #lanes: Lane[] = []
  #partitionCount = 0
  #waiting: Waiting[] = []
  #absent: Refusal | undefined
  #foundAtMs = -Infinity
  #asked = false
  #leaderless = false

  constructor (name: string, host: TopicHost, stickyBytes: number) {
    this.name = name
    this.#host = host
    const load = (partition: number): number => this.#lanes[partition]?.waitingCount ?? 0
    this.#sticky = new StickyPartition(stickyBytes, host.clock.random, load)
  }

  get lanes (): readonly Lane[] { return this.#lanes }
  get waitingRecordsCount (): number { return this.#waiting.length }
  /** True where nothing would be lost by forgetting this topic. */
  get idle (): boolean { return this.#waiting.length === 0 && this.#lanes.every(lane => lane.idle) }

  /** False: the budget does not allow it, and nothing was taken. */
  deliver (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): boolean {
    const count = this.#partitionCount
    if (count > 0) {
      const { key } = record
      const partition = key === null ? this.#sticky.take(approximateBytes(record)) : partitionOfKey(key, count)
      return this.#lanes[partition]?.add(record, settler, ticket, deadlineMs) ?? false
    }
    if (this.#absent !== undefined && this.#host.clock.nowMs() - this.#foundAtMs < absentMs) {
      settler.settle(ticket, this.#absent)
      return true
    }
    const bytes = approximateBytes(record)
    if (!this.#host.memory.takeBytes(bytes)) return false
    this.#host.openTickets.count++
    this.#waiting.push({ record, settler, ticket, deadlineMs, bytes })
    this.#ask()
    return true
  }

  #ask (): void {
    if (this.#asked) return
    this.#asked = true
    this.#host.lookUp(this.name)
  }

  /** What Kafka says of the topic. */
  found (metadata: TopicMetadata): void {
    this.#asked = false
    this.#foundAtMs = this.#host.clock.nowMs()
    const { code, partitions } = metadata
    if (code !== 0 || partitions.length === 0) return this.#notFound(code)
    this.#absent = undefined
    this.#partitionCount = partitions.length
    this.#leaderless = partitions.some(({ leader }) => leader < 0)
    for (let index = this.#lanes.length; index < partitions.length; index++) {
      this.#lanes.push(new Lane(this.name, index, this.#host))
    }
    // A topic that was made anew may have fewer.
    for (const lane of this.#lanes.slice(partitions.length)) lane.gone(unavailable)
    for (const { index, leader } of partitions) {
      const lane = this.#lanes[index]
      if (lane !== undefined) this.#host.assign(lane, leader)
    }
    this.#offer()
    this.#deliverWaiting()
  }

  /** Tells the partitioner which partitions can be written to; all where none can. */
  #offer (): void {
    const all = this.#lanes.slice(0, this.#partitionCount)
    const led = all.filter(({ leader }) => leader >= 0)
    this.#sticky.offer((led.length > 0 ? led : all).map(({ partition }) => partition))
  }

  #deliverWaiting (): void {
    for (const { record, settler, ticket, deadlineMs } of this.#takeWaiting()) {
      if (!this.deliver(record, settler, ticket, deadlineMs)) settler.settle(ticket, overloaded(noRoomMs))
    }
    this.#host.openTickets.tell()
  }

  #takeWaiting (): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#return(waiting)
    return waiting
  }

  #return (waiting: readonly Waiting[]): void {
    for (const { bytes } of waiting) this.#host.memory.giveBytes(bytes)
    this.#host.openTickets.count -= waiting.length
  }

  #notFound (code: number): void {
    const { name } = answerOf(code)
    const problem = problemOf(new KafkaError(`Kafka answered ${name}`, { type: name }))
    this.#host.absent(this.name, problem)
    if (problem.refusal === undefined) this.#leaderless = true
    else this.#gone(refuse(problem.refusal.code, problem.refusal.detail))
  }

  /** Kafka does not have the topic, or not for us. What may be written goes on being tried. */
  #gone (refusal: Refusal): void {
    this.#absent = refusal
    this.#partitionCount = 0
    for (const lane of this.#lanes) {
      lane.refuseUnsent(refusal)
      lane.forgotten()
    }
    this.#refuse(this.#takeWaiting(), refusal)
  }

  #refuse (waiting: readonly Waiting[], refusal: Refusal): void {
    for (const { settler, ticket } of waiting) settler.settle(ticket, refusal)
    this.#host.openTickets.tell()
  }

  /** The leaders are out of date. */
  stale (): void {
    this.#ask()
  }

  sweep (nowMs: number): void {
    for (const lane of this.#lanes) lane.sweep(nowMs)
    const isOver = ({ deadlineMs }: Waiting): boolean => deadlineMs !== 0 && deadlineMs <= nowMs
    if (this.#waiting.some(isOver)) {
      const over = this.#waiting.filter(isOver)
      this.#waiting = this.#waiting.filter(one => !isOver(one))
      this.#return(over)
      this.#refuse(over, unavailable)
    }
    const ageMs = nowMs - this.#foundAtMs
    const inUse = nowMs - this.usedAtMs < refreshMs
    if (!this.idle && this.#leaderless && ageMs > leaderlessMs) this.#ask()
    else if (!this.idle && this.#absent !== undefined && ageMs > absentMs) this.#ask()
    else if (inUse && this.#partitionCount > 0 && ageMs > refreshMs) this.#ask()
  }

  close (refusal: Refusal): void {
    for (const lane of this.#lanes) lane.close(refusal)
    this.#refuse(this.#takeWaiting(), refusal)
  }
}
