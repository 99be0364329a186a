// A link into the simulated cluster: requests and answers take time, keep their order, and are lost or late.

import type {
  BrokerAddress, BrokerLink, ClusterMetadata, LinkListener, ProduceBatch, ProduceListener, ProduceResult, ProducerId
} from '../../src/kafka/broker-link.ts'
import { KafkaError } from '../../src/kafka/kafka-error.ts'
import type { BrokerModel, ClusterModel, Connection } from './cluster-model.ts'
import { count } from './world.ts'
import type { World } from './world.ts'

/** One request from its sending to its end. */
interface Exchange {
  /** What the broker does with it. */
  handle (broker: BrokerModel, answered: (answer: unknown) => void): void
  /** Told its end: the answer, or an Error. */
  told (answer: unknown): void
  /** It will never arrive. */
  lost: boolean
  stopTimer: () => void
}

export class SimulatedLink implements BrokerLink, Connection {
  readonly name: string
  readonly #listener: LinkListener
  readonly #cluster: ClusterModel
  readonly #world: World
  #broker: BrokerModel | undefined
  open = false
  #ended = false
  #congested = false
  #throttledUntilMs = 0
  /** In the order of their sending; the oldest is answered first. */
  readonly #waiting: Exchange[] = []
  /** On their way, or in the socket's buffer at the broker. */
  #unread: Exchange[] = []
  readonly #arrived: Exchange[] = []
  #busy = false
  /** The broker's end is gone, or the way to it. */
  #severed = false
  #arrivesAtMs = 0
  #answersAtMs = 0
  /** Nothing passes before. */
  #stalledUntilMs = 0
  readonly #stopConnecting: () => void

  constructor (address: BrokerAddress, listener: LinkListener, cluster: ClusterModel, world: World) {
    this.name = `link ${count(world.counts, 'links')} to ${address.port}`
    this.#listener = listener
    this.#cluster = cluster
    this.#world = world
    const { clock, rules } = world
    this.#stopConnecting = clock.after(rules.connectionTimeoutMs, () => { this.#fails('ETIMEDOUT') })
    clock.after(3 * this.#latencyMs(), () => { this.#reach(address) })
  }

  get ended (): boolean { return this.#ended }
  get writable (): boolean { return this.open && !this.#congested && this.#throttledUntilMs === 0 }
  get inFlightCount (): number { return this.#waiting.length }

  #latencyMs (): number {
    return this.#world.random.next() * this.#world.rules.latencyMs
  }

  #reach ({ port }: BrokerAddress): void {
    if (this.#ended) return
    const broker = this.#cluster.brokerAt(port)
    if (broker === undefined) return this.#fails('ECONNREFUSED')
    this.#broker = broker
    broker.connections.add(this)
    if (!broker.welcoming) return
    broker.run(() => {
      if (this.#ended || this.#severed) return
      this.#stopConnecting()
      this.#world.note(() => `${this.name} opens`)
      this.open = true
      this.#listener.opened()
    })
  }

  produce (batches: readonly ProduceBatch[], timeoutMs: number, listener: ProduceListener): void {
    if (!this.open) throw new Error('produce over a link that is not open')
    const copies = batches.map(({ topic, partition, bytes }) => (
      { topic, partition, timeoutMs, bytes: Buffer.from(bytes) }))
    this.#world.note(() => `${this.name} sends ${copies.map(describe).join(', ')}`)
    this.#send({
      handle: (broker, answered) => { this.#cluster.produce(broker.nodeId, copies, answered) },
      told: answer => {
        const untouched = copies.every((copy, at) => batches[at]?.bytes.equals(copy.bytes) === true)
        if (!untouched) this.#world.fail('touched', 'the bytes of a batch changed while it was on its way')
        if (answer instanceof Error) listener.unanswered(answer)
        else listener.answered(answer as readonly (ProduceResult | undefined)[])
      }
    })
  }

  metadata (topics: readonly string[], told: (answer: ClusterMetadata | Error) => void): void {
    this.#ask(() => this.#cluster.metadata(topics), told)
  }

  initProducerId (told: (answer: ProducerId | Error) => void): void {
    this.#ask<ProducerId | Error>(() => this.#cluster.initProducerId(), told)
  }

  #ask<Answer> (handle: () => Answer, told: (answer: Answer | Error) => void): void {
    this.#send({
      handle: (_broker, answered) => { answered(handle()) },
      told: answer => { told(answer as Answer | Error) }
    })
  }

  #send ({ handle, told }: Pick<Exchange, 'handle' | 'told'>): void {
    const { clock, rules } = this.#world
    const exchange: Exchange = {
      handle, told, lost: this.#severed,
      stopTimer: clock.after(rules.requestTimeoutMs, () => { this.#fails('ETIMEDOUT') })
    }
    this.#waiting.push(exchange)
    this.#unread.push(exchange)
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, clock.nowMs() + this.#latencyMs(), this.#stalledUntilMs)
    clock.after(this.#arrivesAtMs - clock.nowMs(), () => { this.#arrive(exchange) })
  }

  #arrive (exchange: Exchange): void {
    if (exchange.lost || this.#severed) {
      // A broker that came back knows nothing of this connection, and says so.
      if (this.#severed && this.#broker?.alive === true) this.#fails('ECONNRESET')
      return
    }
    if (this.#ended) count(this.#world.counts, 'late requests')
    this.#arrived.push(exchange)
    this.#serve()
  }

  /** A broker reads the next request of a connection when it has answered the one before. */
  #serve (): void {
    const broker = this.#broker
    if (this.#busy || this.#arrived.length === 0 || this.#severed || broker === undefined) return
    this.#busy = true
    broker.run(() => {
      const exchange = this.#arrived.shift()
      if (exchange === undefined || this.#severed) {
        this.#busy = false
        return
      }
      this.#unread = this.#unread.filter(one => one !== exchange)
      exchange.handle(broker, answer => { broker.run(() => { this.#answer(broker, exchange, answer) }) })
    })
  }

  #answer ({ throttleMs }: BrokerModel, exchange: Exchange, answer: unknown): void {
    const { clock } = this.#world
    this.#busy = false
    if (this.#severed) return
    this.#answersAtMs = Math.max(this.#answersAtMs, clock.nowMs() + this.#latencyMs(), this.#stalledUntilMs)
    clock.after(this.#answersAtMs - clock.nowMs(), () => {
      if (this.#ended || this.#waiting[0] !== exchange) return
      this.#waiting.shift()
      exchange.stopTimer()
      this.#throttle(throttleMs)
      exchange.told(answer)
    })
    this.#serve()
  }

  #throttle (ms: number): void {
    const { clock } = this.#world
    const untilMs = clock.nowMs() + ms
    if (ms === 0 || untilMs <= this.#throttledUntilMs) return
    this.#throttledUntilMs = untilMs
    clock.after(ms, () => {
      if (this.#throttledUntilMs !== untilMs) return
      this.#throttledUntilMs = 0
      this.#tellDrained()
    })
  }

  #tellDrained (): void {
    if (this.writable) this.#listener.drained()
  }

  // What can go wrong.

  /** The socket takes nothing for a while. */
  set congested (on: boolean) {
    this.#congested = on
    if (!on) this.#tellDrained()
  }

  /** Packets are held up. */
  stall (ms: number): void {
    this.#stalledUntilMs = this.#world.clock.nowMs() + ms
  }

  /** The connection breaks. Silently: its owner finds out when an answer does not come. */
  cut (silently: boolean): void {
    this.#loseSome()
    this.#severed ||= silently
    if (!silently) this.#fails('ECONNRESET')
  }

  brokerDied (silently: boolean): void {
    this.#severed = true
    if (!silently) this.#world.clock.after(this.#latencyMs(), () => { this.#fails('ECONNRESET') })
  }

  close (reason: Error): void {
    this.#end(reason, true)
  }

  #fails (code: string): void {
    if (!this.#ended) this.#end(new KafkaError(`${this.name}: ${code}`, { code }), false)
  }

  /** Of what the broker has not read, the first ones may still arrive, the others are lost. */
  #loseSome (): void {
    const arrivingCount = this.#world.random.chance(0.3) ? 0 : this.#world.random.between(0, this.#unread.length)
    for (const exchange of this.#unread.slice(arrivingCount)) {
      exchange.lost = true
      const at = this.#arrived.indexOf(exchange)
      if (at !== -1) this.#arrived.splice(at, 1)
    }
  }

  #end (error: Error, byOwner: boolean): void {
    if (this.#ended) return
    const { clock, rules, note } = this.#world
    note(() => `${this.name} ends: ${error.message}; ${this.#waiting.length} without an answer`)
    this.#ended = true
    this.open = false
    this.#stopConnecting()
    this.#loseSome()
    const tell = (): void => {
      for (const exchange of this.#waiting.splice(0)) {
        exchange.stopTimer()
        exchange.told(error)
      }
      this.#listener.closed(error)
    }
    if (byOwner && !rules.tellsAtOnce) clock.soon(tell)
    else tell()
  }
}

function describe ({ topic, partition, bytes }: ProduceBatch): string {
  const [epoch, sequence, count] = [bytes.readInt16BE(51), bytes.readInt32BE(53), bytes.readInt32BE(57)]
  return `${topic}/${partition} (epoch ${epoch} sequence ${sequence} count ${count})`
}
