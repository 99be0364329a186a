// Streaming clients for fault tests: they come back, resend what was not acked, and keep all that is to be checked.

import { digestOf } from './history.ts'
import type { SentEvent, Told } from './history.ts'
import type { Link, Listener, OpenLink, Sending } from './stream-links.ts'
import { until } from './until.ts'

export interface StreamLoad {
  readonly open: OpenLink
  readonly port: number
  readonly connections: number
  /** Each connection begins so many events in a second, while fewer than `inFlightMax` wait. */
  readonly eventsPerSecond: number
  readonly inFlightMax: number
  readonly channel: string
  /** Every so-manieth event of a client goes here instead, where it is refused. */
  readonly refusingChannel: string
}

/** An event and how often it was sent. */
export interface StreamedEvent extends SentEvent {
  told: Told
  attemptCount: number
  /** The code of its refusal. */
  code: string
  partition?: number | undefined
  offset?: number | undefined
}

interface Kept {
  readonly event: StreamedEvent
  readonly channel: string
  readonly data: Buffer
  readonly key: string
  sentAtMs: number
}

const refusedEvery = 40
const tickMs = 50
const pauseMsMax = 500
const padding = 'x'.repeat(80)

/** One client: whatever was in flight when a connection broke is sent again on the next one, before anything new. */
class StreamClient {
  readonly sent: StreamedEvent[] = []
  writtenCount = 0
  brokenCount = 0
  readonly #load: StreamLoad
  readonly #name: string
  readonly #number: number
  readonly #inFlight = new Map<number, Kept>()
  #again: Kept[] = []
  #link: Link | undefined
  #isOpen = false
  #isStopping = false
  #window = 0
  #lastId = 0
  #connection = 0
  #owed = 0
  #timer: NodeJS.Timeout | undefined

  constructor (load: StreamLoad, name: string, number: number) {
    this.#load = load
    this.#name = `${name}-${number}`
    this.#number = number
    // Not all at the same moment.
    this.#owed = number / load.connections
    this.#connect()
  }

  get openCount (): number { return this.#inFlight.size + this.#again.length }

  /** The time that the first of those in flight has waited. */
  get waitedMs (): number {
    const [first] = this.#inFlight.values()
    return first === undefined ? 0 : performance.now() - first.sentAtMs
  }

  #connect (): void {
    const connection = ++this.#connection
    // Whatever a connection says after its end is not for us.
    const when = (act: () => void): void => { if (connection === this.#connection) act() }
    const listener: Listener = {
      opened: () => when(() => { this.#isOpen = true }),
      window: window => when(() => { this.#window = window }),
      receipt: (id, place) => when(() => { Object.assign(this.#inFlight.get(id)?.event ?? {}, place) }),
      acked: id => when(() => { this.#acked(id) }),
      nacked: (id, told, code) => when(() => { this.#nacked(id, told, code) }),
      broken: () => when(() => { this.#broken() })
    }
    // A tenth asks for receipts, which say where an event is.
    const options = { port: this.#load.port, receipts: this.#number % 10 === 0, binary: this.#number % 2 === 0 }
    this.#link = this.#load.open(options, listener)
  }

  #acked (id: number): void {
    for (const [each, { event }] of this.#inFlight) {
      if (each > id) break
      this.#inFlight.delete(each)
      event.told = 'written'
      this.writtenCount++
    }
  }

  /** Final: what was refused is not sent again, so that it can be seen that it is nowhere. */
  #nacked (id: number, told: Told, code: string): void {
    const event = this.#inFlight.get(id)?.event
    if (event === undefined) throw new Error(`a nack for ${id}, which is not in flight`)
    this.#inFlight.delete(id)
    // An attempt before this one may have been written.
    event.told = event.attemptCount > 1 ? 'unknown' : told
    event.code = code
  }

  #broken (): void {
    this.#isOpen = false
    this.#link = undefined
    this.#connection++
    this.brokenCount++
    this.#again = [...this.#inFlight.values(), ...this.#again]
    this.#inFlight.clear()
    if (!this.#isStopping || this.openCount > 0) {
      this.#timer = setTimeout(() => { this.#connect() }, Math.random() * pauseMsMax)
    }
  }

  /** Sends what is due; called every `tickMs`. */
  tick (): void {
    const { eventsPerSecond, inFlightMax } = this.#load
    this.#owed = Math.min(this.#owed + eventsPerSecond * tickMs / 1_000, inFlightMax)
    const most = Math.min(this.#window, inFlightMax)
    while (this.#isOpen && this.#link !== undefined && this.#inFlight.size < most) {
      const kept = this.#again.shift() ?? (this.#isStopping || this.#owed < 1 ? undefined : this.#make())
      if (kept === undefined) return
      const { event, channel, data, key } = kept
      event.attemptCount++
      kept.sentAtMs = performance.now()
      this.#inFlight.set(++this.#lastId, kept)
      this.#link.send({ id: this.#lastId, channel, data, key } satisfies Sending)
    }
  }

  #make (): Kept {
    this.#owed--
    const order = this.sent.length
    const id = `${this.#name}-${order}`
    const data = Buffer.from(`{"id":"${id}","key":"${this.#name}","pad":"${padding}"}`)
    // Order is promised within a connection.
    const stream = `${this.#name}/${this.#connection}`
    const event: StreamedEvent = { id, stream, order, digest: digestOf(data), told: 'none', attemptCount: 0, code: '' }
    this.sent.push(event)
    const isRefused = order % refusedEvery === this.#number % refusedEvery
    const channel = isRefused ? this.#load.refusingChannel : this.#load.channel
    return { event, channel, data, key: id, sentAtMs: 0 }
  }

  stop (): void { this.#isStopping = true }

  close (): void {
    clearTimeout(this.#timer)
    this.#connection++
    this.#link?.close()
  }
}

export class StreamClients {
  readonly #clients: readonly StreamClient[]
  readonly #ticking: NodeJS.Timeout

  /** Connects, and begins to send. */
  constructor (load: StreamLoad, name: string) {
    this.#clients = Array.from({ length: load.connections }, (_, number) => new StreamClient(load, name, number))
    this.#ticking = setInterval(() => { for (const client of this.#clients) client.tick() }, tickMs)
  }

  #sum (count: (client: StreamClient) => number): number {
    return this.#clients.reduce((total, client) => total + count(client), 0)
  }

  get writtenCount (): number { return this.#sum(client => client.writtenCount) }
  /** Events without an outcome, on their way or to be sent again. */
  get openCount (): number { return this.#sum(client => client.openCount) }
  /** Clients that have waited for so long. */
  waitingCount (waitMs: number): number { return this.#sum(({ waitedMs }) => waitedMs >= waitMs ? 1 : 0) }
  /** Connections that broke. */
  get brokenCount (): number { return this.#sum(client => client.brokenCount) }
  /** Clients that have an ack. */
  get heardCount (): number { return this.#sum(client => Math.min(client.writtenCount, 1)) }
  get sent (): readonly StreamedEvent[] { return this.#clients.flatMap(({ sent }) => sent) }

  /** Begins nothing new, and waits until every event has its outcome. */
  async stop (timeoutMs: number): Promise<void> {
    for (const client of this.#clients) client.stop()
    await until(() => this.openCount === 0, { timeoutMs, what: () => `outcomes of ${this.openCount} events` })
    this.close()
  }

  close (): void {
    clearInterval(this.#ticking)
    for (const client of this.#clients) client.close()
  }
}
