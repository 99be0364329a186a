// Sends to one broker: gathers batches of its lanes into produce requests, at most five without an answer at a time.

import type { Measure } from '../../contract/sink.ts'
import type { BrokerAddress, BrokerLink, OpenLink, ProduceListener, ProduceResult } from '../broker-link.ts'
import { problemOf } from '../classify.ts'
import type { Clock } from '../clock.ts'
import type { OperatorLog } from '../operator-log.ts'
import type { Batch } from './batch.ts'
import type { Lane } from './lane.ts'
import { Pause } from './pause.ts'
import { Window } from './window.ts'

/** Java's `max.in.flight.requests.per.connection`. */
const requestsMax = 5
/** A request is closed to further batches at this size; Java's `max.request.size`. */
const requestBytesMax = 1_048_576
/** How much of a request's time its answer should take at most. */
const answerShare = 0.2
/** The broker's own time limit for replication stays under the request's, so that it can say so. */
const replicationShare = 0.8

export interface SenderHost {
  readonly openLink: OpenLink
  readonly clock: Clock
  readonly log: OperatorLog
  readonly requestTimeoutMs: number
  /** The connection ended, or could not be made: what is known of its lanes' leaders may be out of date. */
  lost (sender: Sender): void
}

/** What a broker's connection has done; times are sums, in milliseconds. */
interface SenderCounts {
  requests: number
  batches: number
  records: number
  bytes: number
  /** From the first record of a batch to its first sending. */
  queueMs: number
  /** From a request to its answer. */
  roundTripMs: number
}

export class Sender {
  readonly nodeId: number
  readonly #counts: SenderCounts = { requests: 0, batches: 0, records: 0, bytes: 0, queueMs: 0, roundTripMs: 0 }
  readonly #host: SenderHost
  readonly #window: Window
  #address: BrokerAddress
  #link: BrokerLink | undefined
  /** Lanes that may have a batch, those first that have waited longest for their turn. */
  #lanes: Lane[] = []
  /** After a connection that could not be made. */
  readonly #pause: Pause
  #closed = false

  constructor (nodeId: number, address: BrokerAddress, host: SenderHost) {
    this.nodeId = nodeId
    this.#address = address
    this.#host = host
    this.#window = new Window(host.requestTimeoutMs * answerShare)
    this.#pause = new Pause(host.clock, () => { this.drain() })
  }

  /** What the connection has done, with the broker's node id as label. */
  * measures (): Iterable<Measure> {
    const { requests, batches, records, bytes, queueMs, roundTripMs } = this.#counts
    const labels = { broker: String(this.nodeId) }
    const values: Readonly<Record<string, number>> = {
      kafka_requests_total: requests,
      kafka_batches_total: batches,
      kafka_records_total: records,
      kafka_sent_bytes_total: bytes,
      kafka_queue_seconds_total: queueMs / 1_000,
      kafka_round_trip_seconds_total: roundTripMs / 1_000,
      kafka_requests_in_flight: this.#link?.inFlightCount ?? 0,
      kafka_unanswered_bytes: this.#window.usedBytes,
      kafka_unanswered_limit_bytes: this.#window.sizeBytes,
      kafka_connected: this.#link?.open === true ? 1 : 0
    }
    for (const [name, value] of Object.entries(values)) yield { name, labels, value }
  }

  /** The broker may have moved. */
  moveTo (address: BrokerAddress): void {
    if (address.host === this.#address.host && address.port === this.#address.port) return
    this.#address = address
    this.#link?.close(new Error('the broker has another address now'))
  }

  /** The lane may have a batch for this broker; `drain` will see. */
  list (lane: Lane): void {
    if (lane.listed) return
    lane.listed = true
    this.#lanes.push(lane)
  }

  /** Another broker leads the lane now. */
  forget (lane: Lane): void {
    const at = this.#lanes.indexOf(lane)
    if (at === -1) return
    this.#lanes.splice(at, 1)
    lane.listed = false
  }

  /** Sends what may be sent now. */
  drain (): void {
    while (this.#lanes.length > 0 && !this.#closed) {
      const link = this.#link ?? this.#connect()
      // While bytes wait for the socket, records wait where they find company.
      if (link?.writable !== true || link.inFlightCount >= requestsMax || !this.#window.open) return
      const request = this.#gather()
      if (request === undefined) return
      link.produce(request.batches, Math.floor(this.#host.requestTimeoutMs * replicationShare), request)
    }
  }

  /** At most one batch of each lane, lanes in turn. */
  #gather (): Request | undefined {
    const batches: Batch[] = []
    const lanes: Lane[] = []
    const bytesMax = Math.min(requestBytesMax, this.#window.sizeBytes - this.#window.usedBytes)
    let bytes = 0
    for (let left = this.#lanes.length; left > 0 && bytes < bytesMax; left--) {
      const lane = this.#lanes.shift()
      if (lane === undefined) break
      lane.listed = false
      const batch = lane.take()
      if (batch === undefined) continue
      batches.push(batch)
      lanes.push(lane)
      bytes += batch.bytes.length
      if (lane.hasMore) this.list(lane)
    }
    if (batches.length === 0) return undefined
    const sentAtMs = this.#host.clock.nowMs()
    this.#count(batches, bytes, sentAtMs)
    const underWayBytes = this.#window.sent(bytes)
    return new Request({ sender: this, batches, lanes, bytes, underWayBytes, sentAtMs })
  }

  #count (batches: readonly Batch[], bytes: number, sentAtMs: number): void {
    const counts = this.#counts
    counts.requests++
    counts.batches += batches.length
    counts.bytes += bytes
    for (const batch of batches) {
      counts.records += batch.count
      if (batch.leftAtMs === sentAtMs) counts.queueMs += sentAtMs - batch.beganAtMs
    }
  }

  /** How many bytes may be without an answer at a time. */
  get windowBytes (): number { return this.#window.sizeBytes }

  answered ({ bytes, underWayBytes, sentAtMs }: RequestParts): void {
    const tookMs = this.#host.clock.nowMs() - sentAtMs
    this.#pause.succeeded()
    this.#window.answered(bytes, underWayBytes, tookMs)
    this.#counts.roundTripMs += tookMs
  }

  unanswered ({ bytes }: RequestParts): void {
    this.#window.unanswered(bytes)
  }

  #connect (): BrokerLink | undefined {
    if (this.#pause.on) return undefined
    const { log, openLink } = this.#host
    const link = openLink(this.#address, {
      opened: () => { this.drain() },
      drained: () => { this.drain() },
      closed: (error) => {
        if (this.#link !== link) return
        this.#link = undefined
        if (this.#closed) return
        const { cause, text } = problemOf(error)
        log.warn(`send ${cause}`, { node: this.nodeId, cause, reason: text }, 'lost the connection to a Kafka broker')
        this.#pause.begin()
        this.#host.lost(this)
      }
    })
    this.#link = link
    return link
  }

  close (reason: Error): void {
    this.#closed = true
    this.#pause.end()
    this.#link?.close(reason)
    this.#link = undefined
  }
}

interface RequestParts {
  readonly sender: Sender
  readonly batches: readonly Batch[]
  /** `lanes[i]` is the one of `batches[i]`. */
  readonly lanes: readonly Lane[]
  readonly bytes: number
  /** On the connection, with this request, when it was sent. */
  readonly underWayBytes: number
  readonly sentAtMs: number
}

/** One produce request on its way. */
class Request implements ProduceListener {
  readonly #parts: RequestParts

  constructor (parts: RequestParts) {
    this.#parts = parts
  }

  get batches (): readonly Batch[] { return this.#parts.batches }

  answered (results: readonly (ProduceResult | undefined)[]): void {
    const { sender, batches, lanes } = this.#parts
    sender.answered(this.#parts)
    for (const [at, batch] of batches.entries()) lanes[at]?.answered(batch, results[at])
    sender.drain()
  }

  unanswered (error: Error): void {
    const { sender, batches, lanes } = this.#parts
    sender.unanswered(this.#parts)
    for (const [at, batch] of batches.entries()) lanes[at]?.unanswered(batch, error)
  }
}
