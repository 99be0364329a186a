// One partition of the simulated cluster: its leader, its log, and the requests that wait for its followers.

import type { ProduceResult } from '../../src/kafka/broker-link.ts'
import { readBatch } from './batch-reader.ts'
import type { ReadBatch, ReadRecord } from './batch-reader.ts'
import { PartitionLog } from './partition-log.ts'
import { count } from './world.ts'
import type { World } from './world.ts'

/** Undefined: the broker leaves the batch out of its answer. */
type Told = (result: ProduceResult | undefined) => void

/** A trouble of the partition's leader that lasts for a while. */
export interface Trouble {
  /** Kafka's error code; undefined: left out of the answer. */
  readonly code: number | undefined
  /** Whether the batch was appended all the same. */
  readonly appended: boolean
  readonly share: number
}

/** What the partition has to know of its topic and its brokers. */
export interface Surroundings {
  bytesMax: number
  denied: boolean
  /** The brokers do not know it now, though its data are there. */
  hidden: boolean
  isFrozen (node: number): boolean
}

interface Waiting { readonly endOffset: number, readonly told: Told, readonly stopTimer: () => void }

/** By this header the simulation's records ask to be found invalid. */
export const invalidMark = 'invalid'

export class PartitionModel {
  readonly name: string
  readonly index: number
  readonly log: PartitionLog
  readonly #world: World
  readonly #around: Surroundings
  /** -1: none. */
  leader = -1
  /** What the brokers answer to look-ups: the leader of a while ago. */
  toldLeader = -1
  epoch = 0
  trouble: Trouble | undefined
  /** True while the followers do not fetch. */
  #stuck = false
  #replicatedOffset = 0
  #waiting: Waiting[] = []

  constructor (name: string, index: number, world: World, around: Surroundings) {
    this.name = name
    this.index = index
    this.#world = world
    this.#around = around
    this.log = new PartitionLog(world.rules)
  }

  toString (): string { return `${this.name}/${this.index}` }

  /** One batch of a request that arrived at `node`. */
  produce (node: number, bytes: Buffer, timeoutMs: number, told: Told): void {
    const { counts, note } = this.#world
    const answer = (code: number | undefined, more: Partial<ProduceResult> = {}): void => {
      count(counts, `answer ${code ?? 'left out'}`)
      note(() => `  ${this} at ${node} answers ${code ?? 'nothing'} ${more.baseOffset ?? ''}`)
      told(code === undefined ? undefined : { ...nothing, code, ...more })
    }
    const code = this.#obstacle(node)
    if (code !== 0) return answer(code, this.#hint(code))
    const trouble = this.#world.random.chance(this.trouble?.share ?? 0) ? this.trouble : undefined
    if (trouble?.appended === false) return answer(trouble.code)
    const batch = this.#read(bytes)
    if (batch === undefined) return answer(2)
    if (bytes.length > this.#around.bytesMax) return answer(10)
    const invalid = [...batch.records.entries()].filter(([, record]) => isMarked(record)).map(([place]) => place)
    if (invalid.length > 0) return answer(87, this.#world.rules.isTalkative ? { invalidRecords: invalid } : {})
    const { code: objection, baseOffset, endOffset, repeated } = this.log.append(batch)
    note(() => `  ${this} at ${node}: producer ${batch.producerId} epoch ${batch.epoch} sequence ${batch.sequence} ` +
      `count ${batch.records.length}: ${objection === 0 ? `offset ${baseOffset}${repeated ? ' again' : ''}` : objection}`)
    if (objection !== 0) return answer(objection)
    if (repeated) count(counts, 'repetition')
    this.#replicateLater()
    if (trouble !== undefined) return answer(trouble.code)
    this.#wait(endOffset, timeoutMs, result => { answer(result, result === 0 ? { baseOffset } : this.#hint(result)) })
  }

  #obstacle (node: number): number {
    if (this.#around.hidden) return 3
    if (this.#around.denied) return 29
    return this.leader === node ? 0 : 6
  }

  #hint (code: number): Partial<ProduceResult> {
    const { rules } = this.#world
    if (code !== 6 || !rules.isTalkative || this.toldLeader < 0) return {}
    return { leader: { nodeId: this.toldLeader, epoch: this.epoch } }
  }

  #read (bytes: Buffer): ReadBatch | undefined {
    try {
      return readBatch(bytes)
    } catch (error) {
      this.#world.fail('corrupt', `${this} got a batch that is none: ${String(error)}`)
      return undefined
    }
  }

  #wait (endOffset: number, timeoutMs: number, told: (code: number) => void): void {
    if (endOffset <= this.log.committedOffset) return told(0)
    const waiting: Waiting = {
      endOffset, told: result => { told(result?.code ?? 0) },
      stopTimer: this.#world.clock.after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter(one => one !== waiting)
        told(7)
      })
    }
    this.#waiting.push(waiting)
  }

  #replicateLater (): void {
    const { clock, random, rules } = this.#world
    const { epoch } = this
    const end = this.log.records.length
    clock.after(random.next() * rules.latencyMs, () => {
      if (epoch !== this.epoch) return
      this.#replicatedOffset = Math.max(this.#replicatedOffset, end)
      this.advance()
    })
  }

  /** The leader sees how far its followers are, unless it or they are stopped. */
  advance (): void {
    const { log } = this
    if (this.#stuck || this.leader < 0 || this.#around.isFrozen(this.leader)) return
    if (this.#replicatedOffset <= log.committedOffset) return
    log.committedOffset = this.#replicatedOffset
    const done = this.#waiting.filter(({ endOffset }) => endOffset <= log.committedOffset)
    this.#waiting = this.#waiting.filter(({ endOffset }) => endOffset > log.committedOffset)
    for (const { told, stopTimer } of done) {
      stopTimer()
      told({ ...nothing })
    }
  }

  set stuck (on: boolean) {
    this.#stuck = on
    this.advance()
  }

  /**
   * Another leads, or none. Whoever waits is told that this is not the leader any more, though its batch was appended
   * and may be known to the next leader (DelayedProduce, cases A and B).
   */
  lead (node: number): void {
    const { clock, random, rules, counts, note } = this.#world
    this.epoch++
    this.leader = node
    if (node >= 0) {
      const { least, most } = this.log.possibleEnds
      const end = random.chance(0.5) ? most : random.between(least, most)
      const lostCount = this.log.becomesReplica(end, random.chance(0.5) ? 5 : random.between(1, 4))
      if (lostCount > 0) count(counts, 'batches lost with their leader', lostCount)
      note(() => `${this} is led by ${node}, up to ${this.log.records.length}, committed ${this.log.committedOffset}`)
      this.#replicatedOffset = this.log.committedOffset
      this.#replicateLater()
    } else note(() => `${this} has no leader`)
    clock.after(random.next() * 20 * rules.latencyMs, () => { this.toldLeader = this.leader })
    this.dismiss(6)
  }

  /** Ends all waits with an error. */
  dismiss (code: number): void {
    for (const { told, stopTimer } of this.#waiting.splice(0)) {
      stopTimer()
      told({ ...nothing, code })
    }
  }
}

function isMarked ({ headers }: ReadRecord): boolean {
  return headers.some(([name]) => name === invalidMark)
}

const nothing: ProduceResult = { code: 0, baseOffset: -1, invalidRecords: [], leader: undefined }
