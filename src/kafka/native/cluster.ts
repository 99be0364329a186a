// What is known of the cluster: keeps one connection for questions, tries for ever, looks topics up, gets producer ids.

import type { SinkHealth } from '../../contract/sink.ts'
import type { BrokerAddress, BrokerLink, ClusterMetadata, OpenLink, ProducerId } from '../broker-link.ts'
import { problemOf } from '../classify.ts'
import type { Clock } from '../clock.ts'
import type { OperatorLog } from '../operator-log.ts'
import { Pause } from './pause.ts'

/** Least time between two look-ups, in milliseconds. */
const askMs = 100

export interface ClusterHost {
  readonly bootstrap: readonly BrokerAddress[]
  readonly openLink: OpenLink
  readonly clock: Clock
  readonly log: OperatorLog
  /** Told of every answer to a look-up. */
  found (metadata: ClusterMetadata): void
  /** A producer id came that somebody had asked for. */
  identified (): void
}

export class Cluster {
  readonly #host: ClusterHost
  #addresses: readonly BrokerAddress[]
  /** Which address to try next. */
  #turn: number
  #link: BrokerLink | undefined
  #reason = 'connecting to Kafka for the first time'
  /** After a connection that could not be made. */
  readonly #connectPause: Pause
  /** After a producer id that was not given. */
  readonly #identityPause: Pause
  #closed = false
  /** Topics that somebody wants to know about. */
  readonly #wanted = new Set<string>()
  #asking = false
  #askedAtMs = -Infinity
  #askTimer: (() => void) | undefined
  #producerId: ProducerId | undefined
  #identifying = false
  #identityWanted = false

  constructor (host: ClusterHost) {
    this.#host = host
    this.#addresses = host.bootstrap
    this.#connectPause = new Pause(host.clock, () => { this.#connect() })
    this.#identityPause = new Pause(host.clock, () => { this.#identify() })
    this.#turn = Math.floor(host.clock.random() * host.bootstrap.length)
  }

  start (): void {
    this.#connect()
  }

  health (): SinkHealth {
    return { ready: this.#reason === '', reason: this.#reason }
  }

  /** Looks a topic up soon; `found` tells. */
  lookUp (topic: string): void {
    this.#wanted.add(topic)
    this.#ask()
  }

  /** A producer id that is not the broken one's; undefined while there is none: `identified` tells. */
  producerId (broken: ProducerId | undefined): ProducerId | undefined {
    const known = this.#producerId
    if (known !== undefined && known.id !== broken?.id) return known
    this.#producerId = undefined
    this.#identityWanted = true
    this.#identify()
    return undefined
  }

  /** Whoever has it goes on with it; whoever comes now gets another one. */
  forgetProducerId (): void {
    this.#producerId = undefined
  }

  close (reason: Error): void {
    this.#closed = true
    this.#reason = 'this gateway is stopping'
    this.#askTimer?.()
    this.#connectPause.end()
    this.#identityPause.end()
    this.#link?.close(reason)
  }

  #connect (): void {
    const address = this.#addresses[this.#turn++ % this.#addresses.length]
    if (this.#closed || address === undefined) return
    const link = this.#host.openLink(address, {
      opened: () => { this.#opened() },
      drained: () => {},
      closed: (error) => { this.#lost(link, error) }
    })
    this.#link = link
  }

  #opened (): void {
    if (this.#reason !== '') this.#host.log.info({}, 'connected to Kafka')
    this.#reason = ''
    this.#connectPause.succeeded()
    this.#asking = this.#identifying = false
    this.#ask()
    this.#identify()
  }

  #lost (link: BrokerLink, error: Error): void {
    if (this.#link !== link || this.#closed) return
    const wasReady = this.#reason === ''
    this.#link = undefined
    this.#asking = this.#identifying = false
    const { cause, text } = problemOf(error)
    // One lost connection is no reason to worry: the next broker may answer at once.
    if (!wasReady || this.#connectPause.failureCount > 0) this.#reason = text
    this.#host.log.warn(cause, { cause, reason: text }, 'cannot connect to Kafka')
    this.#connectPause.begin()
  }

  #ask (): void {
    const link = this.#link
    if (this.#wanted.size === 0 || this.#asking || this.#askTimer !== undefined || link?.open !== true) return
    const { clock } = this.#host
    const waitMs = this.#askedAtMs + askMs - clock.nowMs()
    if (waitMs > 0) {
      this.#askTimer = clock.after(waitMs, () => {
        this.#askTimer = undefined
        this.#ask()
      })
      return
    }
    const topics = [...this.#wanted]
    this.#wanted.clear()
    this.#asking = true
    this.#askedAtMs = clock.nowMs()
    link.metadata(topics, answer => { this.#told(link, topics, answer) })
  }

  #told (link: BrokerLink, topics: readonly string[], answer: ClusterMetadata | Error): void {
    if (this.#closed || this.#link !== link) return this.#wantAgain(topics)
    this.#asking = false
    if (answer instanceof Error) {
      this.#wantAgain(topics)
      // It answered, but not as it should: another broker may.
      if (link.open) link.close(answer)
      return
    }
    if (answer.brokers.length > 0) this.#addresses = [...answer.brokers, ...this.#host.bootstrap]
    this.#host.found(answer)
    this.#ask()
  }

  #wantAgain (topics: readonly string[]): void {
    for (const topic of topics) this.#wanted.add(topic)
    // It may have been told while another link was made.
    this.#ask()
  }

  #identify (): void {
    const link = this.#link
    if (!this.#identityWanted || this.#identifying || this.#identityPause.on || link?.open !== true) return
    this.#identifying = true
    link.initProducerId(answer => {
      if (this.#closed || this.#link !== link) return
      this.#identifying = false
      if (answer instanceof Error) return this.#notIdentified(answer)
      this.#identityWanted = false
      this.#identityPause.succeeded()
      this.#producerId = answer
      this.#host.identified()
    })
  }

  #notIdentified (error: Error): void {
    const { cause, text } = problemOf(error)
    this.#host.log.warn(`identity ${cause}`, { cause, reason: text }, 'Kafka gave no producer id')
    this.#identityPause.begin()
  }
}
