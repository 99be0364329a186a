// A lane tells the truth about every ticket, whatever its attempts come to, and never uses a number twice.

import t from 'tap'
import type { Test } from 'tap'
import { decodeRecord } from '../../contract/record.ts'
import type { Outcome, Settler } from '../../contract/outcome.ts'
import { refuse } from '../../contract/outcome.ts'
import { budgetOf } from '../../../test/support/byte-budget.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import type { ProduceResult, ProducerId } from '../broker-link.ts'
import { OpenTickets } from './batch.ts'
import type { Batch } from './batch.ts'
import { Lane } from './lane.ts'
import type { LaneHost } from './lane.ts'
import { Memory } from './memory.ts'

const codes = {
  notLeader: 6, timedOut: 7, tooLarge: 10, denied: 29, outOfOrder: 45, duplicate: 46, oldEpoch: 47, invalid: 87
}
const silent = new Error('the connection was lost')

function result (code: number, extra: Partial<ProduceResult> = {}): ProduceResult {
  return { code, baseOffset: -1, invalidRecords: [], leader: undefined, ...extra }
}

/** A lane whose batches the test sends and answers itself. */
class Stage implements LaneHost, Settler {
  readonly clock = new ManualClock()
  readonly #budget: ReturnType<typeof budgetOf>
  readonly #batchBytesMax: number
  readonly memory: Memory
  readonly openTickets = new OpenTickets()
  readonly deliveryTimeoutMs = 30_000
  readonly told = new Map<number, string>()
  readonly failures: string[] = []
  readonly moves: ProduceResult['leader'][] = []
  producers: ProducerId[] = [{ id: 1n, epoch: 0 }, { id: 2n, epoch: 0 }]
  readyCount = 0
  readonly lane: Lane

  constructor (bytesMax = 1_000_000, batchBytesMax = 4_096) {
    this.#batchBytesMax = batchBytesMax
    this.#budget = budgetOf(bytesMax)
    this.memory = new Memory(this.#budget, batchBytesMax)
    this.lane = new Lane('topic', 4, this)
  }

  get usedBytes (): number { return this.#budget.usedBytes() }

  producerIds = (broken: ProducerId | undefined): ProducerId | undefined =>
    this.producers.find(({ id }) => id !== broken?.id)

  batchBytesMax (): number { return this.#batchBytesMax }
  filling (lane: Lane): void { lane.flush() }
  ready (): void { this.readyCount++ }
  pack (): void {}
  moved (_lane: Lane, leader: ProduceResult['leader']): void { this.moves.push(leader) }
  failed (_lane: Lane, what: string): void { this.failures.push(what) }

  settle (ticket: number, outcome: Outcome): void {
    if (this.told.has(ticket)) throw new Error(`ticket ${ticket} twice`)
    this.told.set(ticket, 'code' in outcome ? outcome.code : `${outcome.partition}@${outcome.offset}`)
  }

  /** Adds records whose value is their ticket, and sends them as one batch. */
  send (...tickets: number[]): Batch {
    this.add(...tickets)
    return this.take()
  }

  add (...tickets: number[]): void {
    for (const ticket of tickets) this.addUntil(0, ticket)
  }

  addUntil (deadlineMs: number, ticket: number): void {
    const record = {
      topic: 'topic', key: null, value: Buffer.from(String(ticket)), headers: [], timestampMs: 1_000 + ticket,
      id: `id-${ticket}`, source: '/test'
    }
    if (!this.lane.add(record, this, ticket, deadlineMs)) throw new Error('no room')
  }

  take (): Batch {
    const batch = this.lane.take()
    if (batch === undefined) throw new Error('nothing to send')
    return batch
  }

  /** A first batch that was written: the broker knows the producer. */
  prove (): void {
    this.lane.answered(this.send(1_000), result(0, { baseOffset: 0 }))
  }

  /** Lets the pause after a failure go by. */
  pause (): void { this.clock.pass(2_000) }

  tells (t: Test, expected: Record<number, string>): void {
    this.told.delete(1_000)
    t.same(Object.fromEntries(this.told), expected)
    this.told.clear()
  }
}

/** The tickets in a batch, and the number it carries: `producer.epoch.sequence`. */
function seen (batch: Batch): string {
  const bytes = batch.bytes
  const values: string[] = []
  for (let at = 61; at < bytes.length;) {
    const record = decodeRecord(bytes, at, 0)
    if (record === undefined) throw new Error('not a record')
    values.push(String(record.value))
    at = record.end
  }
  return `${values.join(',')} ${bytes.readBigInt64BE(43)}.${bytes.readInt16BE(51)}.${bytes.readInt32BE(53)}`
}

t.test('records of one turn travel together, and each gets its own offset', async t => {
  const stage = new Stage()
  const batch = stage.send(1, 2, 3)
  t.equal(seen(batch), '1,2,3 1.0.0')
  stage.lane.answered(batch, result(0, { baseOffset: 40 }))
  stage.tells(t, { 1: '4@40', 2: '4@41', 3: '4@42' })
  t.equal(stage.usedBytes, 0)
  t.ok(stage.lane.idle)
})

t.test('one batch is under way until the broker has acknowledged the producer, then five', async t => {
  const stage = new Stage()
  const first = stage.send(1)
  stage.add(2)
  t.equal(stage.lane.take(), undefined)
  stage.lane.answered(first, result(0))
  t.equal(seen(stage.take()), '2 1.0.1')
  for (const ticket of [3, 4, 5, 6]) t.equal(seen(stage.send(ticket)), `${ticket} 1.0.${ticket - 1}`)
  stage.add(7)
  t.equal(stage.lane.take(), undefined, 'not a sixth')
})

t.test('after a minute of silence the broker is not counted on to remember', async t => {
  const stage = new Stage()
  stage.prove()
  stage.clock.pass(61_000)
  stage.send(1)
  stage.add(2)
  t.equal(stage.lane.take(), undefined)
})

t.test('a batch whose answer was lost goes again as it was, alone, and before all others', async t => {
  const stage = new Stage()
  stage.prove()
  const [first, second] = [stage.send(1), stage.send(2)]
  stage.add(3)
  stage.lane.unanswered(first, silent)
  stage.lane.unanswered(second, silent)
  t.equal(stage.lane.take(), undefined, 'not before the pause is over')
  stage.pause()
  t.equal(seen(stage.take()), '1 1.0.1')
  t.equal(stage.lane.take(), undefined, 'alone')
  stage.lane.answered(first, result(0, { baseOffset: 7 }))
  t.equal(seen(stage.take()), '2 1.0.2')
  stage.lane.answered(second, result(0, { baseOffset: 8 }))
  t.equal(seen(stage.take()), '3 1.0.3')
  stage.tells(t, { 1: '4@7', 2: '4@8' })
})

t.test('refused by a broker that does not lead, batches go again in order under their numbers', async t => {
  const stage = new Stage()
  stage.prove()
  const [first, second] = [stage.send(1), stage.send(2)]
  stage.lane.answered(first, result(codes.notLeader, { leader: { nodeId: 3, epoch: 1 } }))
  stage.lane.answered(second, result(codes.outOfOrder))
  t.same(stage.moves, [{ nodeId: 3, epoch: 1 }])
  stage.lane.wake()
  t.equal(seen(stage.take()), '1 1.0.1')
  stage.lane.answered(first, result(0))
  t.equal(seen(stage.take()), '2 1.0.2')
  stage.tells(t, { 1: '4@undefined' })
  t.equal(stage.lane.brokenCount, 0)
})

t.test('refused for good, a batch leaves no gap: the next one takes its number', async t => {
  const stage = new Stage()
  stage.prove()
  stage.lane.answered(stage.send(1), result(codes.denied))
  stage.tells(t, { 1: 'undeliverable' })
  t.equal(seen(stage.send(2)), '2 1.0.1')
})

t.test('refused for good with others under way: they wait, then take new numbers', async t => {
  const stage = new Stage()
  stage.prove()
  const [first, second, third] = [stage.send(1), stage.send(2), stage.send(3)]
  stage.lane.answered(first, result(codes.denied))
  stage.add(4)
  t.equal(stage.lane.take(), undefined, 'none goes while numbers are in doubt')
  stage.lane.answered(second, result(codes.outOfOrder))
  stage.lane.answered(third, result(codes.outOfOrder))
  t.equal(seen(stage.take()), '2 1.0.1', 'every answer was definite: no new epoch')
  t.equal(seen(stage.take()), '3 1.0.2')
  stage.tells(t, { 1: 'undeliverable' })
})

t.test('one of them without an answer: it cannot have been written, and is fenced by the next epoch', async t => {
  const stage = new Stage()
  stage.prove()
  const [first, second] = [stage.send(1), stage.send(2)]
  stage.lane.answered(first, result(codes.denied))
  stage.lane.unanswered(second, silent)
  stage.pause()
  t.equal(seen(stage.take()), '2 1.1.0')
  t.equal(stage.lane.brokenCount, 1)
})

t.test('a batch that is too large is halved until single records are left', async t => {
  const stage = new Stage()
  stage.prove()
  const refuseAll = (batch: Batch): void => { stage.lane.answered(batch, result(codes.tooLarge)) }
  refuseAll(stage.send(1, 2, 3, 4))
  const first = stage.take()
  t.equal(seen(first), '1,2 1.0.1')
  const second = stage.take()
  t.equal(seen(second), '3,4 1.0.3')
  refuseAll(first)
  stage.lane.answered(second, result(codes.outOfOrder))
  const one = stage.take()
  t.equal(seen(one), '1 1.0.1')
  const two = stage.take()
  t.equal(seen(two), '2 1.0.2')
  t.equal(seen(stage.take()), '3,4 1.0.3', 'in order')
  refuseAll(one)
  stage.tells(t, { 1: 'undeliverable' })
})

t.test('records that Kafka names as invalid are refused, the rest of their batch goes on', async t => {
  const stage = new Stage()
  stage.prove()
  stage.lane.answered(stage.send(1, 2, 3), result(codes.invalid, { invalidRecords: [1] }))
  stage.tells(t, { 2: 'undeliverable' })
  const rest = stage.take()
  t.equal(seen(rest), '1,3 1.0.1')
  stage.lane.answered(rest, result(0, { baseOffset: 5 }))
  stage.tells(t, { 1: '4@5', 3: '4@6' })
  t.equal(stage.usedBytes, 0)
})

t.test('refused after an attempt without an answer: nobody knows', async t => {
  const stage = new Stage()
  stage.prove()
  const batch = stage.send(1)
  stage.lane.unanswered(batch, silent)
  stage.pause()
  stage.lane.answered(stage.take(), result(codes.denied))
  stage.tells(t, { 1: 'delivery-timeout' })
  t.equal(seen(stage.send(2)), '2 1.1.0', 'under the next epoch')
})

t.test('a duplicate is a receipt without an offset where an answer was lost, else numbers begin anew', async t => {
  const stage = new Stage()
  stage.prove()
  stage.lane.unanswered(stage.send(1), silent)
  stage.pause()
  stage.lane.answered(stage.take(), result(codes.duplicate))
  stage.tells(t, { 1: '4@undefined' })
  stage.lane.answered(stage.send(2), result(codes.duplicate))
  stage.pause()
  t.equal(seen(stage.take()), '2 1.1.0')
})

t.test('the leader has it but its followers may not: the same batch again', async t => {
  const stage = new Stage()
  stage.prove()
  const batch = stage.send(1)
  stage.lane.answered(batch, result(codes.timedOut))
  stage.pause()
  t.equal(stage.take(), batch)
  t.equal(seen(batch), '1 1.0.1')
})

t.test('a broker that lost its memory of the first in line: the next epoch, from 0', async t => {
  const stage = new Stage()
  stage.prove()
  const [first, second] = [stage.send(1), stage.send(2)]
  stage.lane.answered(first, result(codes.outOfOrder))
  stage.lane.answered(second, result(codes.outOfOrder))
  stage.pause()
  t.equal(seen(stage.take()), '1 1.1.0')
  t.equal(stage.lane.take(), undefined, 'one until that epoch is acknowledged')
  stage.lane.answered(first, result(0))
  t.equal(seen(stage.take()), '2 1.1.1')
})

t.test('a fenced epoch needs another producer id', async t => {
  const stage = new Stage()
  stage.prove()
  stage.lane.answered(stage.send(1), result(codes.oldEpoch))
  stage.pause()
  t.equal(seen(stage.take()), '1 2.0.0')
})

t.test('without a producer id nothing is sent, and nothing is lost', async t => {
  const stage = new Stage()
  const { producers } = stage
  stage.producers = []
  stage.add(1)
  t.equal(stage.lane.take(), undefined)
  stage.producers = producers
  stage.lane.wake()
  t.equal(seen(stage.take()), '1 1.0.0')
})

t.test('at its deadline an unsent record is taken back, a sent one is unknown', async t => {
  const stage = new Stage()
  stage.prove()
  stage.addUntil(5_000, 1)
  const sent = stage.take()
  stage.addUntil(5_000, 2)
  stage.addUntil(9_000, 3)
  stage.clock.pass(5_000)
  stage.lane.sweep(stage.clock.nowMs())
  stage.tells(t, { 1: 'delivery-timeout', 2: 'sink-unavailable' })
  stage.lane.answered(sent, result(0))
  t.equal(seen(stage.take()), '3 1.0.2', 'what was taken back is not in its batch')
  stage.tells(t, {})
})

t.test('a sealed batch gives back what is over its deadline, and goes without it', async t => {
  const stage = new Stage()
  stage.prove()
  const first = stage.send(1)
  stage.lane.unanswered(first, silent)
  const value = Buffer.alloc(2_500)
  for (const [ticket, deadlineMs] of [[2, 2_000], [3, 0]] as const) {
    stage.lane.add({ topic: 'topic', key: null, value, headers: [], timestampMs: 0, id: '', source: '' }, stage, ticket, deadlineMs)
  }
  stage.clock.pass(1_500)
  stage.lane.sweep(stage.clock.nowMs())
  stage.tells(t, { 2: 'sink-unavailable' })
  stage.lane.answered(stage.take(), result(0))
  const rest = stage.take()
  t.equal(rest.count, 1)
  stage.lane.answered(rest, result(0))
  t.equal(stage.usedBytes, 0)
})

t.test('what may be written is sent again until nobody has waited for it long enough, then given up', async t => {
  const stage = new Stage()
  stage.prove()
  stage.addUntil(5_000, 1)
  stage.lane.unanswered(stage.take(), silent)
  stage.clock.pass(8_000)
  stage.lane.sweep(stage.clock.nowMs())
  stage.tells(t, { 1: 'delivery-timeout' })
  stage.lane.unanswered(stage.take(), silent)
  stage.clock.pass(31_000)
  stage.lane.sweep(stage.clock.nowMs())
  t.ok(stage.lane.idle)
  t.equal(stage.usedBytes, 0)
  t.equal(seen(stage.send(2)), '2 1.1.0', 'its number is not used for another')
})

t.test('a topic that is gone refuses what was never sent, and goes on with the rest', async t => {
  const stage = new Stage()
  stage.prove()
  const first = stage.send(1)
  stage.add(2)
  stage.lane.refuseUnsent(refuse('undeliverable', 'gone'))
  stage.tells(t, { 2: 'undeliverable' })
  stage.lane.answered(first, result(0, { baseOffset: 1 }))
  stage.tells(t, { 1: '4@1' })
})

t.test('closing tells each ticket the truth', async t => {
  const stage = new Stage()
  stage.prove()
  const first = stage.send(1)
  stage.add(2)
  stage.lane.close(refuse('shutting-down', 'stopping'))
  stage.tells(t, { 1: 'delivery-timeout', 2: 'shutting-down' })
  stage.lane.answered(first, result(0))
  t.equal(stage.lane.take(), undefined)
})

t.test('a full budget refuses, and what it gave back can be used again', async t => {
  const stage = new Stage(10_000)
  const value = Buffer.alloc(3_000)
  const add = (ticket: number): boolean => stage.lane.add(
    { topic: 'topic', key: null, value, headers: [], timestampMs: 0, id: '', source: '' }, stage, ticket, 0)
  t.same([add(1), add(2), add(3)], [true, true, false])
  stage.lane.answered(stage.take(), result(0))
  t.equal(add(4), true)
  stage.lane.answered(stage.take(), result(0))
  stage.lane.answered(stage.take(), result(0))
  t.equal(stage.usedBytes, 0)
})
