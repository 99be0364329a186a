// One schedule from its seed to its verdict: draws cluster, load and faults, lets them happen, heals and checks.

import type { Log } from '../../src/contract/adapter.ts'
import type { Settler } from '../../src/contract/outcome.ts'
import type { OpenLink } from '../../src/kafka/broker-link.ts'
import type { ProducerSettings } from '../../src/kafka/config.ts'
import { createNativeSink } from '../../src/kafka/native/sink.ts'
import type { KafkaSink } from '../../src/kafka/options.ts'
import { ClusterModel } from './cluster-model.ts'
import { drawFault } from './faults.ts'
import type { Fault, Stage } from './faults.ts'
import { Ledger } from './ledger.ts'
import type { Delivery } from './ledger.ts'
import { drawLoad, drawRecord, hugeBytes } from './load.ts'
import type { Load } from './load.ts'
import { invalidMark } from './partition-model.ts'
import { Random } from './random.ts'
import { SimulatedLink } from './simulated-link.ts'
import { CountingBudget, drawRules, drawSettings } from './terms.ts'
import { VirtualClock } from './virtual-clock.ts'
import { count } from './world.ts'
import type { Counts, World, WorldRules } from './world.ts'

/** Events after which a schedule counts as one that never ends. */
const eventsMax = 200_000
/** So long after all has healed everything is settled and every probe is written. */
const healedMs = 20_000

/** A record that nothing speaks against. */
const probing: Omit<Load, 'topics'> =
  { invalidShare: 0, hugeShare: 0, patientShare: 1, deadlineMsMax: 0, valueBytesMax: 20 }

/** A bug between the core and its surroundings, to see whether it is found. */
export interface Plant {
  readonly rules?: Partial<WorldRules>
  readonly links?: (open: OpenLink, world: World) => OpenLink
  readonly settler?: (settler: Settler, world: World) => Settler
}

export interface Problem { readonly kind: string, readonly text: string }

export interface Verdict {
  readonly seed: number
  readonly problems: readonly Problem[]
  readonly counts: Counts
  /** Empty unless asked for. */
  readonly trace: readonly string[]
}

class Schedule implements World {
  readonly random: Random
  readonly clock: VirtualClock
  readonly rules: WorldRules
  readonly counts: Counts = new Map()
  readonly problems: Problem[] = []
  readonly trace: string[] = []
  readonly #traced: boolean
  readonly #settings: ProducerSettings
  readonly #cluster: ClusterModel
  readonly #ledger: Ledger
  readonly #settler: Settler
  readonly #sink: KafkaSink
  readonly #load: Load
  readonly #budget: CountingBudget
  #links: SimulatedLink[] = []
  readonly #undos = new Set<() => void>()
  #healed = false

  constructor (seed: number, plant: Plant, traced: boolean) {
    this.#traced = traced
    this.random = new Random(seed * 7_919 + 17)
    this.clock = new VirtualClock(this.random.fork())
    this.rules = { ...drawRules(this.random), ...plant.rules }
    this.#settings = drawSettings(this.random)
    this.#budget = new CountingBudget(this.random.pick([65_536, 1_048_576, 1_048_576]))
    this.#cluster = new ClusterModel(this.random.between(1, 3), this)
    const topics = ['t', 'u', 'v'].slice(0, this.random.between(1, 3))
    for (const name of topics) {
      this.#cluster.addTopic(name, this.random.chance(0.2) ? 2_500 : 5_000, this.random.between(1, 4))
    }
    this.#load = drawLoad(this.random.fork(), topics)
    this.#ledger = new Ledger(this.#cluster, this)
    this.#settler = plant.settler?.(this.#ledger, this) ?? this.#ledger
    const openLink: OpenLink = (address, listener) => {
      const link = new SimulatedLink(address, listener, this.#cluster, this)
      this.#links.push(link)
      return link
    }
    this.#sink = createNativeSink({
      brokers: this.#cluster.brokers.map(({ port }) => ({ host: '127.0.0.1', port })), settings: this.#settings,
      requestTimeoutMs: this.rules.requestTimeoutMs, openLink: plant.links?.(openLink, this) ?? openLink,
      clock: this.clock, log: this.#log(), budget: this.#budget, retryAfterMs: () => 1_000
    })
    this.note(() => `seed ${seed}: ${this.#cluster.brokers.length} brokers, ${topics.length} topics, ` +
      `${JSON.stringify(this.#settings)} ${JSON.stringify(this.rules)} ${JSON.stringify(this.#load)}`)
  }

  note = (text: () => string): void => {
    if (this.#traced) this.trace.push(`${this.clock.nowMs().toFixed(1).padStart(9)} ${text()}`)
  }

  fail = (kind: string, text: string): void => {
    this.note(() => `!!! ${kind}: ${text}`)
    this.problems.push({ kind, text })
  }

  #log (): Log {
    const line = (fields: Record<string, unknown>, message: string): void => {
      this.note(() => `log: ${message} ${JSON.stringify(fields)}`)
    }
    return { debug: line, info: line, warn: line, error: line }
  }

  async run (): Promise<void> {
    try {
      await this.#run()
    } catch (error) {
      this.fail('thrown', error instanceof Error ? error.stack ?? error.message : String(error))
    }
  }

  async #run (): Promise<void> {
    const { random, clock } = this
    await this.#sink.start()
    const durationMs = random.between(500, 6_000)
    this.#plan(durationMs)
    const isHasty = random.chance(0.1)
    this.#until(clock.nowMs() + durationMs)
    if (isHasty) return this.#end(random.between(0, 3_000))
    this.#heal()
    // A topic that was missing or denied is refused a little longer.
    this.#until(clock.nowMs() + 3_000)
    const isPatient = ({ outcome, deadlineMs }: Delivery): boolean => outcome === undefined && deadlineMs === 0
    const patient = this.#ledger.deliveries.filter(isPatient)
    const probes: Delivery[] = []
    for (const topic of this.#cluster.topics.keys()) {
      probes.push(this.#deliver({ ...probing, topics: [topic] }))
      this.#until(clock.nowMs() + 1_000)
    }
    this.#until(clock.nowMs() + healedMs)
    this.#checkHealed(patient, probes)
    await this.#end(1_000)
  }

  /** Everything that is to happen, at random times; many faults just after something was sent. */
  #plan (durationMs: number): void {
    const { random, clock } = this
    const burstsAtMs = Array.from({ length: random.between(1, 25) }, () => random.next() * durationMs)
    for (const atMs of burstsAtMs) {
      const spreadMs = random.pick([0, 0, 5, 200])
      for (let left = random.pick([1, 1, 2, 5, 20]); left > 0; left--) {
        clock.after(atMs + spreadMs * random.next(), () => { this.#deliver(this.#load) })
      }
    }
    const stage = this.#stage()
    const soonMs = 8 * this.rules.latencyMs
    for (let left = random.below(random.chance(0.2) ? 40 : 12); left > 0; left--) {
      const fault = drawFault(random)
      const atMs = random.chance(0.6) ? random.pick(burstsAtMs) + random.next() * soonMs : random.next() * durationMs
      clock.after(atMs, () => { this.#strike(fault, stage) })
    }
  }

  #strike (fault: Fault, stage: Stage): void {
    if (this.#healed) return
    this.#links = this.#links.filter(link => !link.ended)
    const done = fault(stage)
    if (done === undefined) return
    count(this.counts, 'faults')
    this.note(() => `*** ${done}`)
  }

  #stage (): Stage {
    return {
      random: this.random.fork(), cluster: this.#cluster, links: () => this.#links,
      later: (ms, work) => {
        this.clock.after(ms, () => { if (!this.#healed) work() })
      },
      lasting: (ms, undo) => {
        const once = (): void => {
          if (this.#undos.delete(once)) undo()
        }
        this.#undos.add(once)
        this.clock.after(ms, once)
      }
    }
  }

  #heal (): void {
    this.note(() => '*** all heals')
    this.#healed = true
    for (const undo of [...this.#undos]) undo()
    for (const partition of this.#cluster.partitions) if (partition.leader < 0) this.#cluster.elect(partition)
  }

  #deliver (load: Load): Delivery {
    const nowMs = this.clock.nowMs()
    const { record, inMs } = drawRecord(this.random, load, nowMs)
    const deadlineMs = inMs === undefined ? 0 : nowMs + inMs
    const delivery = this.#ledger.enter(record, deadlineMs)
    const { ticket } = delivery
    this.note(() => `deliver ${ticket} to ${record.topic}, key ${record.key?.toString() ?? 'none'}, ` +
      `${record.value?.length} bytes, deadline ${deadlineMs.toFixed(1)} ${record.headers.join(' ')}`)
    this.#sink.deliver(record, this.#settler, ticket, deadlineMs)
    const { usedBytes, bytesMax } = this.#budget
    if (usedBytes > 2 * bytesMax || usedBytes < 0) this.fail('memory', `${usedBytes} bytes of ${bytesMax}`)
    if (usedBytes !== this.#level('buffer_bytes')) this.fail('memory', `the gauge does not show ${usedBytes}`)
    return delivery
  }

  #until (endMs: number): void {
    const marker = { reached: false }
    this.clock.after(endMs - this.clock.nowMs(), () => { marker.reached = true })
    while (!marker.reached) this.#step()
  }

  #step (): void {
    if (!this.clock.step()) throw new Error('nothing is left to happen')
    if (this.clock.eventCount > eventsMax) throw new Error('a schedule that does not end')
  }

  /** `patient`: what was still to be written when all had been well for a while; `probes`: what came then. */
  #checkHealed (patient: readonly Delivery[], probes: readonly Delivery[]): void {
    for (const { ticket, outcome, record } of [...patient, ...probes]) {
      const isDeliverable = (record.value?.length ?? 0) < hugeBytes && !record.headers.includes(invalidMark)
      const isRemade = (this.#cluster.topics.get(record.topic)?.generation ?? 0) > 1
      if (outcome === undefined || !('code' in outcome) || !isDeliverable) continue
      // The partition that was chosen may not be there any more, or know another past of the producer.
      if (isRemade && (outcome.code === 'sink-unavailable' || outcome.outcome === 'unknown')) continue
      // What had been sent may have lost its neighbours, and so its place.
      if (outcome.outcome === 'unknown' && ticket < (probes[0]?.ticket ?? 0)) continue
      this.fail('not healed', `ticket ${ticket}: ${outcome.code}`)
    }
    for (const { ticket, outcome } of this.#ledger.deliveries) {
      if (outcome === undefined) this.fail('hanging', `ticket ${ticket}`)
    }
    this.#checkLevels()
    if (!this.#sink.health().ready) this.fail('health', this.#sink.health().reason)
  }

  #level (gauge: string): number {
    return this.#sink.gauges.get(gauge)?.() ?? NaN
  }

  #checkLevels (): void {
    for (const gauge of ['buffer_bytes', 'open_tickets', 'queue_records', 'in_flight_batches']) {
      if (this.#level(gauge) !== 0) this.fail('level', `${gauge} is ${this.#level(gauge)} when nothing is left`)
    }
  }

  /** Drains the sink, wherever it stands, lets late bytes arrive, and compares. */
  async #end (drainMs: number): Promise<void> {
    const { clock } = this
    this.note(() => `drain within ${drainMs} ms`)
    const endMs = clock.nowMs() + drainMs + 10
    let drained = false
    void this.#sink.drain(drainMs).then(() => { drained = true })
    await null
    while (!drained && clock.nowMs() <= endMs) {
      this.#step()
      await null
      await null
    }
    if (!drained) this.fail('drain', `not over after ${drainMs} ms`)
    if (this.#level('open_tickets') !== 0) this.fail('level', `${this.#level('open_tickets')} open tickets after the drain`)
    this.#heal()
    let leftCount = eventsMax
    while (clock.step()) if (--leftCount === 0) throw new Error('events without an end after the drain')
    this.#ledger.check()
    if (this.#budget.usedBytes !== 0) this.fail('level', `${this.#budget.usedBytes} bytes are kept after the drain`)
    count(this.counts, 'events', clock.eventCount)
    count(this.counts, 'records', this.#ledger.deliveries.length)
  }
}

/** Lets one schedule happen. */
export async function runSchedule (seed: number, options: { plant?: Plant, traced?: boolean } = {}): Promise<Verdict> {
  const schedule = new Schedule(seed, options.plant ?? {}, options.traced ?? false)
  await schedule.run()
  return { seed, problems: schedule.problems, counts: schedule.counts, trace: schedule.trace }
}
